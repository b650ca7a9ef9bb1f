# Core 1.11 locks an S3 state by itself (use_lockfile). The provider must work from 5.100 on: nothing here uses a field
# that only 6.x has. The state is local unless there is a backend.tf (see backend.tf.example).
terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 7"
    }
  }
}

provider "aws" {
  region = var.aws_region

  default_tags {
    tags = merge({ application = "chatrix" }, var.tags)
  }
}
