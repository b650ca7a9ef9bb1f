# Every variable that can be wrong refuses wrong values; most of them in a second way too.

mock_provider "aws" {
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }
}

run "wrong_values_are_refused" {
  command = plan

  variables {
    aws_region                         = "Oregon"
    function_name                      = "Chatrix_1"
    tags                               = { "aws:owner" = "x" }
    image_digest                       = "latest"
    architecture                       = "amd64"
    memory_mb                          = 128
    timeout_seconds                    = 30
    reserved_concurrency               = -2
    log_level                          = "info"
    environment                        = { AWS_REGION = "us-west-2" }
    cors_allowed_origins               = ["*"]
    foundation_models                  = ["*"]
    inference_regions                  = []
    application_inference_profile_arns = ["abc"]
    secret_name                        = "prod/chatrix-secret"
    secret_recovery_days               = 3
    kms_key_arn                        = "alias/aws/secretsmanager"
    ecr_untagged_days                  = 0
    log_retention_days                 = 0
    alarm_emails                       = ["you"]
    alarm_errors                       = -1
    alarm_throttles                    = -1
    alarm_first_event_ms               = -1
    alarm_concurrency_percent          = 101
    monthly_budget_usd                 = -1
  }

  expect_failures = [
    var.aws_region,
    var.function_name,
    var.tags,
    var.image_digest,
    var.architecture,
    var.memory_mb,
    var.timeout_seconds,
    var.reserved_concurrency,
    var.log_level,
    var.environment,
    var.cors_allowed_origins,
    var.foundation_models,
    var.inference_regions,
    var.application_inference_profile_arns,
    var.secret_name,
    var.secret_recovery_days,
    var.kms_key_arn,
    var.ecr_untagged_days,
    var.log_retention_days,
    var.alarm_emails,
    var.alarm_errors,
    var.alarm_throttles,
    var.alarm_first_event_ms,
    var.alarm_concurrency_percent,
    var.monthly_budget_usd,
  ]
}

run "values_that_are_nearly_right_are_refused" {
  command = plan

  variables {
    aws_region           = "us-west"
    function_name        = "chatrix-"
    image_digest         = "sha256:ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789"
    memory_mb            = 1024.5
    timeout_seconds      = 901
    environment          = { CHATRIX_SERVICE = "other" }
    cors_allowed_origins = ["https://app.example.com/"]
    foundation_models    = ["arn:aws:bedrock:us-west-2::foundation-model/anthropic.claude-opus-5-5"]
    inference_regions    = ["eu-*"]
    secret_name          = "a secret"
    secret_recovery_days = 31
    kms_key_arn          = "arn:aws:kms:us-west-2:111122223333:alias/mine"
    log_retention_days   = 31
    alarm_emails         = ["you@example"]
  }

  expect_failures = [
    var.aws_region,
    var.function_name,
    var.image_digest,
    var.memory_mb,
    var.timeout_seconds,
    var.environment,
    var.cors_allowed_origins,
    var.foundation_models,
    var.inference_regions,
    var.secret_name,
    var.secret_recovery_days,
    var.kms_key_arn,
    var.log_retention_days,
    var.alarm_emails,
  ]
}

run "a_guardrail_that_the_role_may_not_apply_is_refused" {
  command = plan

  variables {
    environment = { CHATRIX_GUARDRAIL = "abc:1" }
  }

  expect_failures = [var.environment]
}

# On its own: a variable whose validation names another one is not judged while that one is wrong.
run "a_guardrail_that_is_no_arn_is_refused" {
  command = plan

  variables {
    guardrail_arns = ["abc"]
  }

  expect_failures = [var.guardrail_arns]
}
