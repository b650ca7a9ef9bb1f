# For `sam` on this machine only, never applied: a plan that SAM can read. No backend and no AWS account, so the
# credentials are made up and everything that would ask AWS is skipped.
terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 7"
    }
    # SAM reads its build instructions from a null_resource alone. terraform/ itself needs no such provider.
    null = {
      source  = "hashicorp/null"
      version = ">= 3.2, < 4"
    }
  }
}

provider "aws" {
  region                      = "us-west-2"
  access_key                  = "local"
  secret_key                  = "local"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_region_validation      = true
  skip_requesting_account_id  = true
}
