# The role that .github/workflows/deploy.yml takes on by OIDC.
#
# It may do what `make deploy` does to these resources, and cannot delete the repository, the secret, the role or the
# function. One thing it cannot be kept from: who may change the function and its role can give that role more. So the
# trust is in one environment of one repository, and that environment should ask a person.

data "aws_partition" "current" {}

data "aws_caller_identity" "current" {}

locals {
  issuer       = "token.actions.githubusercontent.com"
  provider_arn = join("", concat(compact([var.oidc_provider_arn]), values(aws_iam_openid_connect_provider.github)[*].arn))
}

resource "aws_iam_openid_connect_provider" "github" {
  for_each = var.oidc_provider_arn == "" ? toset([local.issuer]) : toset([])

  url            = "https://${each.value}"
  client_id_list = ["sts.amazonaws.com"]
}

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = [local.provider_arn]
    }

    condition {
      test     = "StringEquals"
      variable = "${local.issuer}:aud"
      values   = ["sts.amazonaws.com"]
    }

    # One environment, not repo:owner/name:*, which a pull request's workflow would match too.
    condition {
      test     = "StringEquals"
      variable = "${local.issuer}:sub"
      values   = ["repo:${var.github_repository}:environment:${var.github_environment}"]
    }
  }
}

resource "aws_iam_role" "deploy" {
  name                 = var.role_name
  description          = "GitHub Actions of ${var.github_repository} deploy ${var.function_name}"
  assume_role_policy   = data.aws_iam_policy_document.trust.json
  max_session_duration = 3600
}

resource "aws_iam_role_policy" "deploy" {
  name   = "deploy"
  role   = aws_iam_role.deploy.id
  policy = data.aws_iam_policy_document.deploy.json
}
