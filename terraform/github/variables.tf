variable "aws_region" {
  description = "The region of the deployment."
  type        = string
  default     = "us-west-2"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.aws_region))
    error_message = "aws_region must be the name of a region, for example us-west-2."
  }
}

variable "github_repository" {
  description = "The repository that deploys, as owner/name; as owner@ID/name@ID if GitHub made, renamed or moved it since 15 July 2026: `gh api repos/OWNER/NAME --jq '\"\\(.owner.id) \\(.id)\"'` shows the two numbers."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9-]+/[A-Za-z0-9._-]+$|^[A-Za-z0-9-]+@[0-9]+/[A-Za-z0-9._-]+@[0-9]+$", var.github_repository))
    error_message = "github_repository must be owner/name, or owner@ID/name@ID, without a wildcard: whoever matches can change the function."
  }
}

variable "github_environment" {
  description = "The GitHub environment of the deploy job. Its protection rules say which branches and people may deploy."
  type        = string
  default     = "production"
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9._-]+$", var.github_environment))
    error_message = "github_environment must be the name of one environment: letters, digits, and . _ -"
  }
}

variable "role_name" {
  description = "The name of the role; its ARN goes into the repository's variable AWS_ROLE_ARN."
  type        = string
  default     = "chatrix-deploy"
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9+=,.@_-]{1,64}$", var.role_name))
    error_message = "role_name must be a name of IAM: at most 64 letters, digits and +=,.@_-"
  }
}

variable "oidc_provider_arn" {
  description = "GitHub's OIDC provider in the account, if there is one: an account can have only one. Empty: it is made."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^(arn:aws[a-z-]*:iam::[0-9]{12}:oidc-provider/token.actions.githubusercontent.com)?$", var.oidc_provider_arn))
    error_message = "oidc_provider_arn must be empty, or the ARN of the provider token.actions.githubusercontent.com."
  }
}

variable "function_name" {
  description = "function_name of the deployment."
  type        = string
  default     = "chatrix"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,46}[a-z0-9]$", var.function_name))
    error_message = "function_name must be the one of the deployment: 2 to 48 lower-case letters, digits and hyphens."
  }
}

variable "secret_name" {
  description = "secret_name of the deployment."
  type        = string
  default     = "prod/chatrix/api-key"
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9/_+=.@-]{1,512}$", var.secret_name))
    error_message = "secret_name must be the one of the deployment: letters, digits and /_+=.@-"
  }
}

variable "state_bucket" {
  description = "The S3 bucket of the Terraform state."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.state_bucket))
    error_message = "state_bucket must be the name of a bucket, without s3://."
  }
}

variable "state_key" {
  description = "The key of the state in the bucket."
  type        = string
  default     = "chatrix.tfstate"
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9][A-Za-z0-9/_.-]*$", var.state_key))
    error_message = "state_key must be a plain path: letters, digits and /_.-"
  }
}
