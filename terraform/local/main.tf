# The function as terraform/ makes it, reduced to what `sam local` looks at. docs/sam.md has the commands.

locals {
  simulator_command   = ["python", "-m", "gateway", "serve", "--simulate", "--tokens-per-second", "0"]
  simulator_elsewhere = startswith(var.bedrock, "http") ? [var.bedrock] : []

  # The gateway's own variables are those of terraform/.
  gateway_environment = merge(var.environment, {
    SecretName = var.secret_name
    LOG_LEVEL  = var.log_level
  })

  # SAM's emulator of Lambda cannot stream. The image asks for streaming, and only a variable that is declared here
  # reaches the container.
  local_environment = { AWS_LWA_INVOKE_MODE = "buffered" }

  platforms = { x86_64 = "linux/amd64", arm64 = "linux/arm64" }

  endpoints = merge([for url in local.simulator_elsewhere : {
    AWS_ENDPOINT_URL_BEDROCK         = url
    AWS_ENDPOINT_URL_BEDROCK_RUNTIME = url
    AWS_ENDPOINT_URL_SECRETS_MANAGER = url
  }]...)
}

resource "aws_lambda_function" "gateway" {
  function_name = "chatrix"
  description   = "chatrix, as `sam local` runs it"
  role          = "arn:aws:iam::123456789012:role/never-assumed"
  package_type  = "Image"
  image_uri     = "chatrix:local"
  architectures = [var.architecture]
  memory_size   = 1024
  timeout       = 900

  environment {
    variables = merge(local.gateway_environment, local.local_environment, local.endpoints)
  }

  dynamic "image_config" {
    for_each = var.bedrock == "simulator" ? [local.simulator_command] : []

    content {
      command = image_config.value
    }
  }
}

# How `sam build` makes the image. The context is relative to this folder, and is the repository.
resource "null_resource" "sam_metadata_gateway" {
  triggers = {
    resource_name  = "aws_lambda_function.gateway"
    resource_type  = "IMAGE_LAMBDA_FUNCTION"
    docker_context = "../.."
    docker_file    = "Dockerfile"
    docker_tag     = "local"

    # SAM adds its emulator by a build step of its own, which fails for another user than root. And it builds in Docker's
    # old way, which knows no platform by itself.
    docker_build_args = jsonencode(merge({ RUN_AS = "0", PLATFORM = local.platforms[var.architecture] }, var.build_args))
  }
}
