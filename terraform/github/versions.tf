# A root module of its own: somebody with rights to IAM applies it once, from a laptop. deploy.yml then needs no key.
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
}
