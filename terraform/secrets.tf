# The secret without a value: `make deploy`, or a person, puts it in, and it is in no state, plan or log of Terraform.
resource "aws_secretsmanager_secret" "api_key" {
  name                    = var.secret_name
  description             = "The API keys of the chatrix function ${var.function_name}; their form is in docs/keys.md"
  recovery_window_in_days = var.secret_recovery_days
  kms_key_id              = var.kms_key_arn == "" ? null : var.kms_key_arn
}
