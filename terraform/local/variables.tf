variable "bedrock" {
  description = "Who answers: simulator (inside the container), aws (Bedrock, with the credentials that SAM finds) or the URL of a simulator elsewhere."
  type        = string
  default     = "simulator"
  nullable    = false

  validation {
    condition     = can(regex("^(simulator|aws|https?://[^/]+)$", var.bedrock))
    error_message = "bedrock must be simulator, aws, or a URL without a path such as http://host.docker.internal:3001."
  }
}

variable "architecture" {
  description = "The processor of this machine, x86_64 or arm64. The other one needs an emulator in the container engine, and is slow."
  type        = string
  default     = "x86_64"
  nullable    = false

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "architecture must be arm64 or x86_64."
  }
}

variable "secret_name" {
  description = "The Secrets Manager secret with the API keys. The simulator has one of any name."
  type        = string
  default     = "prod/chatrix/api-key"
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9/_+=.@-]{1,512}$", var.secret_name))
    error_message = "secret_name must have letters, digits and /_+=.@- only."
  }
}

variable "log_level" {
  description = "The gateway's own log level."
  type        = string
  default     = "INFO"
  nullable    = false

  validation {
    condition     = contains(["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"], var.log_level)
    error_message = "log_level must be DEBUG, INFO, WARNING, ERROR or CRITICAL."
  }
}

variable "environment" {
  description = "Further settings of the gateway, by their CHATRIX_ names: docs/configuration.md. What is not named here cannot be changed by sam --env-vars."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for name in keys(var.environment) : can(regex("^CHATRIX_[A-Z0-9_]+$", name))])
    error_message = "environment takes settings that begin with CHATRIX_."
  }
}

variable "build_args" {
  description = "Build arguments of the Dockerfile, for example another PYTHON_IMAGE."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for name in keys(var.build_args) : can(regex("^[A-Z][A-Z0-9_]*$", name))])
    error_message = "build_args must be named as in the Dockerfile: PYTHON_IMAGE, LWA_IMAGE."
  }
}
