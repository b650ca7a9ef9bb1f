# Who the function is, and exactly what it may do. tests/infra compares this with the calls in gateway/.

locals {
  bedrock = "arn:${local.partition}:bedrock"

  # A profile needs its own ARN and the model in every region it routes to; the global ones name the region as empty,
  # which * matches too.
  foundation_model_arns = [
    for pair in setproduct(var.inference_regions, var.foundation_models) :
    "${local.bedrock}:${pair[0]}::foundation-model/${pair[1]}"
  ]
  counted_model_arns = [
    for id in var.foundation_models : "${local.bedrock}:${var.aws_region}::foundation-model/${id}"
  ]
  system_profile_arns = ["${local.bedrock}:${var.aws_region}:${local.account_id}:inference-profile/*"]
}

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }

    # Lambda in another account cannot be talked into using this role.
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account_id]
    }
  }
}

resource "aws_iam_role" "gateway" {
  name               = local.global_name
  description        = "The chatrix function ${var.function_name} in ${var.aws_region}"
  assume_role_policy = data.aws_iam_policy_document.trust.json
}

resource "aws_iam_role_policy" "gateway" {
  name   = "gateway"
  role   = aws_iam_role.gateway.id
  policy = data.aws_iam_policy_document.gateway.json
}

data "aws_iam_policy_document" "gateway" {
  # The action behind ConverseStream. The gateway always streams, so InvokeModel is not needed.
  statement {
    sid     = "Answer"
    actions = ["bedrock:InvokeModelWithResponseStream"]
    resources = concat(
      local.foundation_model_arns,
      local.system_profile_arns,
      var.application_inference_profile_arns,
    )
  }

  # By base id, in this region only.
  statement {
    sid       = "CountTokens"
    actions   = ["bedrock:CountTokens"]
    resources = local.counted_model_arns
  }

  # Asked about names that the catalog does not know. The action knows no resources.
  statement {
    sid       = "FindProfiles"
    actions   = ["bedrock:ListInferenceProfiles"]
    resources = ["*"]
  }

  # Both stages of the secret, AWSCURRENT and AWSPREVIOUS, are one action.
  statement {
    sid       = "ReadKeys"
    actions   = ["secretsmanager:GetSecretValue"]
    resources = [aws_secretsmanager_secret.api_key.arn]
  }

  # Without CreateLogGroup: a group that Lambda makes anew would keep its lines for ever.
  statement {
    sid       = "WriteLogs"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.gateway.arn}:*"]
  }

  dynamic "statement" {
    for_each = length(var.application_inference_profile_arns) > 0 ? [var.application_inference_profile_arns] : []

    content {
      sid       = "DescribeProfiles"
      actions   = ["bedrock:GetInferenceProfile"]
      resources = statement.value
    }
  }

  dynamic "statement" {
    for_each = length(var.guardrail_arns) > 0 ? [var.guardrail_arns] : []

    content {
      sid       = "ApplyGuardrails"
      actions   = ["bedrock:ApplyGuardrail"]
      resources = statement.value
    }
  }

  dynamic "statement" {
    for_each = compact([var.kms_key_arn])

    content {
      sid       = "DecryptKeys"
      actions   = ["kms:Decrypt"]
      resources = [statement.value]

      condition {
        test     = "StringEquals"
        variable = "kms:ViaService"
        values   = ["secretsmanager.${var.aws_region}.${data.aws_partition.current.dns_suffix}"]
      }
    }
  }
}

# Lambda's service fetches the image, not the function's role. Given here, so that Lambda need not change the policy itself.
data "aws_iam_policy_document" "pull" {
  statement {
    sid     = "LambdaPullsTheImage"
    actions = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]

    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }

    condition {
      test     = "ArnLike"
      variable = "aws:SourceArn"
      values   = [local.function_arn, "${local.function_arn}:*"]
    }
  }
}
