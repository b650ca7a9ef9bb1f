# Where and what

variable "aws_region" {
  description = "The AWS region of everything here, and the one in which Bedrock is called."
  type        = string
  default     = "us-west-2"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.aws_region))
    error_message = "aws_region must be the name of a region, for example us-west-2."
  }
}

variable "function_name" {
  description = "The name of the Lambda function; the repository, the role, the log group and the alarms are named after it."
  type        = string
  default     = "chatrix"
  nullable    = false

  # ECR wants lower case, CloudFormation a letter first and no underscore; role names end with the region, within 64.
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,46}[a-z0-9]$", var.function_name))
    error_message = "function_name must have 2 to 48 lower-case letters, digits and hyphens, with a letter first and no hyphen last."
  }
}

variable "tags" {
  description = "Further tags for everything that can be tagged."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for name in keys(var.tags) : !startswith(lower(name), "aws:") && length(name) <= 128])
    error_message = "tags must have names of at most 128 characters that do not begin with aws:."
  }
}

# The image and its function

variable "image_digest" {
  description = "The digest of the image to run. Empty means bootstrap: everything but the function, so that there is a repository to push to. Emptied later, it removes the function and its URL."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^(sha256:[0-9a-f]{64})?$", var.image_digest))
    error_message = "image_digest must be empty or sha256: with 64 hexadecimal digits. A tag is not enough: it can come to mean another image."
  }
}

variable "architecture" {
  description = "The processor of the image and its function: arm64 or x86_64. arm64 costs a fifth less."
  type        = string
  default     = "arm64"
  nullable    = false

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "architecture must be arm64 or x86_64, and the one that the image was built for."
  }
}

variable "memory_mb" {
  description = "The function's memory in MB. Lambda gives processor time in proportion: less makes the cold start longer."
  type        = number
  default     = 1024
  nullable    = false

  validation {
    condition     = var.memory_mb >= 256 && var.memory_mb <= 10240 && floor(var.memory_mb) == var.memory_mb
    error_message = "memory_mb must be a whole number from 256 to 10240."
  }
}

variable "timeout_seconds" {
  description = "The longest an answer may take. Lambda's own limit is the default, because a shorter one cuts long answers off."
  type        = number
  default     = 900
  nullable    = false

  validation {
    condition     = var.timeout_seconds >= 120 && var.timeout_seconds <= 900 && floor(var.timeout_seconds) == var.timeout_seconds
    error_message = "timeout_seconds must be a whole number from 120 to 900: models think for minutes, and Lambda ends an invocation after 900."
  }
}

variable "reserved_concurrency" {
  description = "The most requests at once, which is the one hard cap on the bill of a public URL. 0 switches the gateway off, -1 means no cap. A new AWS account may have too low a limit to reserve any: then -1."
  type        = number
  default     = 10
  nullable    = false

  validation {
    condition     = var.reserved_concurrency >= -1 && floor(var.reserved_concurrency) == var.reserved_concurrency
    error_message = "reserved_concurrency must be a whole number: -1 for no cap, 0 for off, or the number of requests at once."
  }
}

variable "log_level" {
  description = "The gateway's own log level. INFO writes one line a request."
  type        = string
  default     = "INFO"
  nullable    = false

  validation {
    condition     = contains(["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"], var.log_level)
    error_message = "log_level must be DEBUG, INFO, WARNING, ERROR or CRITICAL."
  }
}

variable "environment" {
  description = "Further settings of the gateway, by their CHATRIX_ names: docs/configuration.md."
  type        = map(string)
  default     = {}
  nullable    = false

  # AWS_REGION and the like are Lambda's own: validate and plan accept them, and the real service refuses them.
  validation {
    condition     = alltrue([for name in keys(var.environment) : can(regex("^CHATRIX_[A-Z0-9_]+$", name))])
    error_message = "environment takes settings that begin with CHATRIX_. AWS_ names are Lambda's own; SecretName and LOG_LEVEL come from secret_name and log_level."
  }
  validation {
    condition     = !contains(keys(var.environment), "CHATRIX_SERVICE")
    error_message = "environment must not hold CHATRIX_SERVICE: alarms and dashboard read the metrics under the function's name. Set function_name."
  }
  validation {
    condition     = length(jsonencode(var.environment)) <= 3500
    error_message = "environment is too long: Lambda takes 4 KB of environment variables in all."
  }
  validation {
    condition     = lookup(var.environment, "CHATRIX_GUARDRAIL", "") == "" || length(var.guardrail_arns) > 0
    error_message = "environment sets CHATRIX_GUARDRAIL: name the guardrail's ARN in guardrail_arns too, so that the role may apply it."
  }
}

variable "cors_allowed_origins" {
  description = "Web origins whose pages may call the gateway. None by default: Claude Code and the SDKs outside of browsers need none."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for origin in var.cors_allowed_origins : can(regex("^https?://[A-Za-z0-9.-]+(:[0-9]+)?$", origin))])
    error_message = "cors_allowed_origins must be origins such as https://app.example.com: scheme and host, no path, no wildcard."
  }
}

# What the function may do

variable "foundation_models" {
  description = "The Bedrock model ids that may be called, * for any characters. The default is every vendor in the gateway's catalog."
  type        = list(string)
  default = [
    "amazon.nova-*",
    "anthropic.claude-*",
    "deepseek.*",
    "meta.llama*",
    "minimax.*",
    "mistral.*",
    "moonshot.*",
    "moonshotai.*",
    "openai.*",
    "qwen.*",
    "zai.*",
  ]
  nullable = false

  validation {
    condition     = length(var.foundation_models) > 0 && alltrue([for id in var.foundation_models : can(regex("^[a-z0-9]+\\.[a-zA-Z0-9.:*-]+$", id))])
    error_message = "foundation_models must name at least one model, each with its vendor, for example anthropic.claude-*."
  }
}

variable "inference_regions" {
  description = "The regions in which models may answer. * is all of them, which the global profiles need; a list keeps conversations inside by permission."
  type        = list(string)
  default     = ["*"]
  nullable    = false

  validation {
    condition     = length(var.inference_regions) > 0 && alltrue([for region in var.inference_regions : can(regex("^(\\*|[a-z]{2}(-[a-z]+)+-[0-9])$", region))])
    error_message = "inference_regions must be [\"*\"] or the names of regions: all those that the wanted profiles route to."
  }
}

variable "application_inference_profile_arns" {
  description = "The ARNs of application inference profiles (for cost tags) that may be called."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for arn in var.application_inference_profile_arns : can(regex("^arn:aws[a-z-]*:bedrock:[a-z0-9-]+:[0-9]{12}:application-inference-profile/[a-z0-9]+$", arn))])
    error_message = "application_inference_profile_arns must be ARNs such as arn:aws:bedrock:REGION:ACCOUNT:application-inference-profile/ID."
  }
}

variable "guardrail_arns" {
  description = "The ARNs of Bedrock guardrails that may be applied."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for arn in var.guardrail_arns : can(regex("^arn:aws[a-z-]*:bedrock:[a-z0-9-]+:[0-9]{12}:guardrail(-profile)?/[a-z0-9.:-]+$", arn))])
    error_message = "guardrail_arns must be ARNs such as arn:aws:bedrock:REGION:ACCOUNT:guardrail/ID."
  }
}

# The secret, the repository and the logs

variable "secret_name" {
  description = "The Secrets Manager secret that will hold the API keys. Terraform makes it empty; its value is never in the state."
  type        = string
  default     = "prod/chatrix/api-key"
  nullable    = false

  # Secrets Manager puts a hyphen and six characters behind the name in the ARN, and confuses such names with its own.
  validation {
    condition     = can(regex("^[A-Za-z0-9/_+=.@-]{1,512}$", var.secret_name)) && !can(regex("-[A-Za-z0-9]{6}$", var.secret_name))
    error_message = "secret_name must have letters, digits and /_+=.@- and must not end with a hyphen and six characters."
  }
}

variable "secret_recovery_days" {
  description = "How long a destroyed secret can be brought back. 0 deletes at once; otherwise its name is taken until then, and a new apply fails."
  type        = number
  default     = 0
  nullable    = false

  validation {
    condition     = var.secret_recovery_days == 0 || (var.secret_recovery_days >= 7 && var.secret_recovery_days <= 30 && floor(var.secret_recovery_days) == var.secret_recovery_days)
    error_message = "secret_recovery_days must be 0, or a whole number from 7 to 30."
  }
}

variable "kms_key_arn" {
  description = "A KMS key of your own for the secret and the logs; its policy must let CloudWatch Logs use it. Empty: AWS's own keys."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^(arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+)?$", var.kms_key_arn))
    error_message = "kms_key_arn must be empty or the ARN of a key (not of an alias): arn:aws:kms:REGION:ACCOUNT:key/ID."
  }
}

variable "ecr_force_delete" {
  description = "Whether destroy may delete the repository with images in it. Otherwise it stops there."
  type        = bool
  default     = false
  nullable    = false
}

variable "ecr_untagged_days" {
  description = "How long images without a tag are kept. Tagged ones never expire: one of them is in use, another is what a rollback needs."
  type        = number
  default     = 14
  nullable    = false

  validation {
    condition     = var.ecr_untagged_days >= 1 && var.ecr_untagged_days <= 3650 && floor(var.ecr_untagged_days) == var.ecr_untagged_days
    error_message = "ecr_untagged_days must be a whole number from 1 to 3650."
  }
}

variable "log_retention_days" {
  description = "How long CloudWatch keeps the logs."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "log_retention_days must be one that CloudWatch knows: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653."
  }
}

# Alarms and money

variable "alarm_emails" {
  description = "Who is told of alarms and of the budget. Each address has to confirm a mail from AWS."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for address in var.alarm_emails : can(regex("^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$", address))]) && length(var.alarm_emails) <= 10
    error_message = "alarm_emails must be at most ten e-mail addresses: a budget takes no more."
  }
}

variable "alarm_errors" {
  description = "Failed answers in five minutes that raise the alarm (5xx, or an error event in a stream). 0 means no alarm."
  type        = number
  default     = 5
  nullable    = false

  validation {
    condition     = var.alarm_errors >= 0
    error_message = "alarm_errors must be 0 or more."
  }
}

variable "alarm_throttles" {
  description = "Throttled requests in five minutes that raise the alarm: 429 and 529 answers, and those that Lambda itself turned away. 0 means no alarm."
  type        = number
  default     = 20
  nullable    = false

  validation {
    condition     = var.alarm_throttles >= 0
    error_message = "alarm_throttles must be 0 or more."
  }
}

variable "alarm_first_event_ms" {
  description = "Milliseconds to the first event of an answer (p95 over three times five minutes) that raise the alarm. 0 means no alarm."
  type        = number
  default     = 20000
  nullable    = false

  validation {
    condition     = var.alarm_first_event_ms >= 0
    error_message = "alarm_first_event_ms must be 0 or more."
  }
}

variable "alarm_concurrency_percent" {
  description = "Share of reserved_concurrency in use that raises the alarm. 0 means no alarm, and so does a reserved_concurrency of -1 or 0."
  type        = number
  default     = 80
  nullable    = false

  validation {
    condition     = var.alarm_concurrency_percent >= 0 && var.alarm_concurrency_percent <= 100
    error_message = "alarm_concurrency_percent must be from 0 to 100."
  }
}

variable "monthly_budget_usd" {
  description = "The monthly budget of the whole AWS account in USD; alarm_emails are told at 80 % and at 100 %, and when the forecast passes it. It stops nothing. 0 means no budget."
  type        = number
  default     = 100
  nullable    = false

  validation {
    condition     = var.monthly_budget_usd >= 0
    error_message = "monthly_budget_usd must be 0 or more."
  }
}
