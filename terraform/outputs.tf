output "lambda_function_url" {
  description = "The gateway's address, without a slash at its end: ANTHROPIC_BASE_URL. Empty during bootstrap."
  value       = join("", [for url in aws_lambda_function_url.gateway : trimsuffix(url.function_url, "/")])
}

output "lambda_function_arn" {
  description = "The function's ARN, without a version. Empty during bootstrap."
  value       = join("", aws_lambda_function.gateway[*].arn)
}

output "lambda_function_version" {
  description = "The version that the alias `live` serves. Empty during bootstrap."
  value       = join("", aws_lambda_alias.live[*].function_version)
}

output "function_name" {
  description = "The name of the function."
  value       = var.function_name
}

output "image_digest" {
  description = "The digest of the image that runs. Empty during bootstrap."
  value       = var.image_digest
}

output "architecture" {
  description = "The processor that images must be built for."
  value       = var.architecture
}

output "aws_region" {
  description = "The region of everything here."
  value       = var.aws_region
}

output "ecr_repository_url" {
  description = "Where images are pushed to."
  value       = aws_ecr_repository.gateway.repository_url
}

output "secret_arn" {
  description = "The secret that holds the API keys."
  value       = aws_secretsmanager_secret.api_key.arn
}

output "log_group_name" {
  description = "The log group of the function."
  value       = aws_cloudwatch_log_group.gateway.name
}

output "alarm_topic_arn" {
  description = "The SNS topic of the alarms, for other subscribers than e-mail."
  value       = aws_sns_topic.alarms.arn
}

output "dashboard_url" {
  description = "The CloudWatch dashboard."
  value       = "https://${var.aws_region}.${local.console_host}/cloudwatch/home?region=${var.aws_region}#dashboards/dashboard/${aws_cloudwatch_dashboard.gateway.dashboard_name}"
}
