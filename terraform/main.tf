# The repository, and the function that runs one image of it behind a public URL that streams.

data "aws_partition" "current" {}

data "aws_caller_identity" "current" {}

locals {
  # A repository cannot hold an image before it exists, so the first apply makes everything but the function.
  deployed = var.image_digest == "" ? 0 : 1

  # Roles, dashboards and budgets share one name space for all regions of an account.
  global_name = "${var.function_name}-${var.aws_region}"

  partition  = data.aws_partition.current.partition
  account_id = data.aws_caller_identity.current.account_id

  # What Lambda's service gives as its source. Written out, because the function is made after those who trust it.
  function_arn = "arn:${local.partition}:lambda:${var.aws_region}:${local.account_id}:function:${var.function_name}"
}

resource "aws_ecr_repository" "gateway" {
  name                 = var.function_name
  image_tag_mutability = "IMMUTABLE"
  force_delete         = var.ecr_force_delete

  image_scanning_configuration {
    scan_on_push = true
  }

  encryption_configuration {
    encryption_type = "AES256"
  }
}

# Every deployed image has a tag, the commit it was built from, and tags never move. So nothing in use can expire.
resource "aws_ecr_lifecycle_policy" "gateway" {
  repository = aws_ecr_repository.gateway.name

  policy = jsonencode({
    rules = [{
      rulePriority = 1
      description  = "Images without a tag"
      selection = {
        tagStatus   = "untagged"
        countType   = "sinceImagePushed"
        countUnit   = "days"
        countNumber = var.ecr_untagged_days
      }
      action = { type = "expire" }
    }]
  })
}

resource "aws_ecr_repository_policy" "gateway" {
  repository = aws_ecr_repository.gateway.name
  policy     = data.aws_iam_policy_document.pull.json
}

resource "aws_lambda_function" "gateway" {
  count = local.deployed

  function_name = var.function_name
  description   = "chatrix: the Anthropic Messages API on Amazon Bedrock"
  role          = aws_iam_role.gateway.arn
  package_type  = "Image"
  image_uri     = "${aws_ecr_repository.gateway.repository_url}@${var.image_digest}"
  architectures = [var.architecture]
  memory_size   = var.memory_mb
  timeout       = var.timeout_seconds
  publish       = true

  reserved_concurrent_executions = var.reserved_concurrency

  environment {
    variables = merge(var.environment, {
      SecretName = aws_secretsmanager_secret.api_key.name
      LOG_LEVEL  = var.log_level
    })
  }

  # The Lambda Web Adapter takes its level from application_log_level, and on DEBUG it prints every request's headers,
  # with the API keys. The gateway's own level is LOG_LEVEL.
  logging_config {
    log_format            = "JSON"
    application_log_level = "INFO"
    system_log_level      = "INFO"
    log_group             = aws_cloudwatch_log_group.gateway.name
  }

  # Without these the first start could neither fetch its image nor write a line.
  depends_on = [aws_iam_role_policy.gateway, aws_ecr_repository_policy.gateway]
}

# Clients and the URL know the alias alone. To go back, apply the digest from before: a new version with the old image.
resource "aws_lambda_alias" "live" {
  count = local.deployed

  name             = "live"
  description      = "What the Function URL serves"
  function_name    = aws_lambda_function.gateway[0].function_name
  function_version = aws_lambda_function.gateway[0].version
}

# Public, because clients of the Messages API cannot sign AWS requests: the gateway itself checks the API key. For NONE
# the provider adds the permission lambda:InvokeFunctionUrl on the alias.
resource "aws_lambda_function_url" "gateway" {
  count = local.deployed

  function_name      = aws_lambda_function.gateway[0].function_name
  qualifier          = aws_lambda_alias.live[0].name
  authorization_type = "NONE"
  invoke_mode        = "RESPONSE_STREAM"

  # Never allow_credentials: keys travel in headers, and no cookie is involved.
  dynamic "cors" {
    for_each = length(var.cors_allowed_origins) > 0 ? [var.cors_allowed_origins] : []

    content {
      allow_origins  = cors.value
      allow_methods  = ["GET", "POST"]
      allow_headers  = local.cors_request_headers
      expose_headers = local.cors_response_headers
      max_age        = 3600
    }
  }
}

locals {
  # What the Anthropic SDK sends from a browser.
  cors_request_headers = [
    "anthropic-beta",
    "anthropic-dangerous-direct-browser-access",
    "anthropic-version",
    "authorization",
    "content-type",
    "x-api-key",
    "x-chatrix-strict",
    "x-stainless-arch",
    "x-stainless-helper-method",
    "x-stainless-lang",
    "x-stainless-os",
    "x-stainless-package-version",
    "x-stainless-retry-count",
    "x-stainless-runtime",
    "x-stainless-runtime-version",
    "x-stainless-timeout",
  ]
  cors_response_headers = [
    "request-id",
    "retry-after",
    "x-amzn-requestid",
    "x-chatrix-approximated",
    "x-chatrix-count",
    "x-chatrix-dropped",
    "x-chatrix-model",
  ]
}

# Since October 2025 a URL also needs lambda:InvokeFunction, or every call is a 403. Public, it must be limited to calls
# through the URL: otherwise any AWS account could use the Invoke API. Provider 5.100 has no field for that condition
# (6.29 has: invoked_via_function_url of aws_lambda_permission), so CloudFormation makes the one statement.
resource "aws_cloudformation_stack" "url_permission" {
  count = local.deployed

  name       = "${var.function_name}-url-permission"
  parameters = { Alias = aws_lambda_alias.live[0].arn }

  template_body = jsonencode({
    Description = "chatrix: lets the Function URL invoke its function"
    Parameters  = { Alias = { Type = "String" } }
    Resources = {
      InvokeThroughUrl = {
        Type = "AWS::Lambda::Permission"
        Properties = {
          Action                = "lambda:InvokeFunction"
          FunctionName          = { Ref = "Alias" }
          Principal             = "*"
          InvokedViaFunctionUrl = true
        }
      }
    }
  })
}
