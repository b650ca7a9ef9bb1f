output "role_arn" {
  description = "The repository's variable AWS_ROLE_ARN."
  value       = aws_iam_role.deploy.arn
}
