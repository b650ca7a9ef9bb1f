# The plan in its variants, without AWS: the provider is mocked, so computed values are what is given here.

mock_provider "aws" {
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws", dns_suffix = "amazonaws.com" }
  }
  mock_data "aws_caller_identity" {
    defaults = { account_id = "111122223333" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/chatrix-us-west-2" }
  }
  mock_resource "aws_sns_topic" {
    defaults = { arn = "arn:aws:sns:us-west-2:111122223333:chatrix-alarms" }
  }
  mock_resource "aws_ecr_repository" {
    defaults = { repository_url = "111122223333.dkr.ecr.us-west-2.amazonaws.com/chatrix" }
  }
  mock_resource "aws_lambda_function" {
    defaults = { arn = "arn:aws:lambda:us-west-2:111122223333:function:chatrix", version = "7" }
  }
  mock_resource "aws_lambda_alias" {
    defaults = { arn = "arn:aws:lambda:us-west-2:111122223333:function:chatrix:live" }
  }
  mock_resource "aws_lambda_function_url" {
    defaults = { function_url = "https://abc.lambda-url.us-west-2.on.aws/" }
  }
}

run "bootstrap_makes_everything_but_the_function" {
  command = plan

  assert {
    condition     = length(aws_lambda_function.gateway) + length(aws_lambda_alias.live) + length(aws_lambda_function_url.gateway) + length(aws_cloudformation_stack.url_permission) == 0
    error_message = "Without an image there must be no function, and nothing that hangs on it."
  }
  assert {
    condition     = aws_ecr_repository.gateway.name == "chatrix" && aws_secretsmanager_secret.api_key.name == "prod/chatrix/api-key"
    error_message = "The repository and the secret must be there before the first image."
  }
  assert {
    condition     = output.lambda_function_url == "" && output.lambda_function_arn == "" && output.lambda_function_version == "" && output.image_digest == ""
    error_message = "What hangs on the function must be empty during bootstrap, and readable with `terraform output -raw`."
  }
}

run "a_digest_makes_the_function" {
  variables {
    image_digest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
  }

  assert {
    condition     = aws_lambda_function.gateway[0].image_uri == "111122223333.dkr.ecr.us-west-2.amazonaws.com/chatrix@${var.image_digest}"
    error_message = "The function must run the image by its digest."
  }
  assert {
    condition     = aws_lambda_alias.live[0].function_version == "7" && aws_lambda_function_url.gateway[0].qualifier == "live"
    error_message = "The alias must follow the published version, and the URL must serve the alias."
  }
  assert {
    condition     = aws_cloudformation_stack.url_permission[0].parameters.Alias == aws_lambda_alias.live[0].arn
    error_message = "The permission to invoke must be the alias's."
  }
  assert {
    condition     = aws_lambda_function.gateway[0].environment[0].variables == tomap({ SecretName = "prod/chatrix/api-key", LOG_LEVEL = "INFO" })
    error_message = "The environment must hold what the gateway reads, and nothing else."
  }
  assert {
    condition     = length(aws_lambda_function_url.gateway[0].cors) == 0
    error_message = "No CORS unless asked for."
  }
  assert {
    condition     = output.lambda_function_url == "https://abc.lambda-url.us-west-2.on.aws" && output.lambda_function_version == "7" && output.image_digest == var.image_digest
    error_message = "The URL must have no slash at its end, and the outputs must say what runs."
  }
}

run "settings_reach_the_function" {
  command = plan

  variables {
    image_digest         = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
    architecture         = "x86_64"
    memory_mb            = 2048
    timeout_seconds      = 600
    reserved_concurrency = 0
    log_level            = "DEBUG"
    environment          = { CHATRIX_STRICT = "1", CHATRIX_GUARDRAIL = "abc:1" }
    guardrail_arns       = ["arn:aws:bedrock:us-west-2:111122223333:guardrail/abc"]
    cors_allowed_origins = ["https://app.example.com"]
  }

  assert {
    condition = (
      aws_lambda_function.gateway[0].architectures == tolist(["x86_64"]) &&
      aws_lambda_function.gateway[0].memory_size == 2048 &&
      aws_lambda_function.gateway[0].timeout == 600 &&
      aws_lambda_function.gateway[0].reserved_concurrent_executions == 0
    )
    error_message = "Architecture, memory, timeout and concurrency must be the variables'."
  }
  assert {
    condition     = aws_lambda_function.gateway[0].environment[0].variables == tomap({ SecretName = "prod/chatrix/api-key", LOG_LEVEL = "DEBUG", CHATRIX_STRICT = "1", CHATRIX_GUARDRAIL = "abc:1" })
    error_message = "The settings must be in the environment."
  }
  assert {
    condition     = aws_lambda_function.gateway[0].logging_config[0].application_log_level == "INFO"
    error_message = "The gateway's log level must not become the adapter's, which prints API keys on DEBUG."
  }
  assert {
    condition     = aws_lambda_function_url.gateway[0].cors[0].allow_origins == toset(["https://app.example.com"]) && aws_lambda_function_url.gateway[0].cors[0].allow_credentials != true
    error_message = "Only the origins that were named, and never with credentials."
  }
}

run "no_cap_means_no_alarm_about_it" {
  command = plan

  variables {
    reserved_concurrency = -1
    alarm_first_event_ms = 0
    monthly_budget_usd   = 0
  }

  assert {
    condition     = toset(keys(aws_cloudwatch_metric_alarm.gateway)) == toset(["errors", "throttles", "lambda-errors", "lambda-throttles"])
    error_message = "An alarm with the threshold 0 must not be there."
  }
  assert {
    condition     = length(aws_budgets_budget.monthly) == 0
    error_message = "A budget of 0 means none."
  }
}

run "addresses_are_told_of_alarms_and_of_the_budget" {
  command = plan

  variables {
    alarm_emails         = ["you@example.com", "me@example.com"]
    reserved_concurrency = 10
  }

  assert {
    condition     = toset(keys(aws_sns_topic_subscription.email)) == toset(var.alarm_emails)
    error_message = "Each address must be subscribed."
  }
  assert {
    condition     = length(aws_budgets_budget.monthly["usd"].notification) == 3
    error_message = "The budget must tell them at 80 %, at 100 %, and by forecast."
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.gateway["concurrency"].threshold == 8
    error_message = "The alarm must come at 80 % of the cap."
  }
}

run "aws_keys_are_the_default_and_a_key_of_ones_own_is_used_for_both" {
  command = plan

  variables {
    kms_key_arn = "arn:aws:kms:us-west-2:111122223333:key/0a1b2c3d"
  }

  assert {
    condition     = aws_secretsmanager_secret.api_key.kms_key_id == var.kms_key_arn && aws_cloudwatch_log_group.gateway.kms_key_id == var.kms_key_arn
    error_message = "The key must be used for the secret and for the logs."
  }
}
