# Logs, alarms, the dashboard and the budget. The gateway's metrics come out of its log lines (EMF); their names are
# METRICS in gateway/metrics.py, and tests/infra compares the two.

resource "aws_cloudwatch_log_group" "gateway" {
  name              = "/aws/lambda/${var.function_name}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn == "" ? null : var.kms_key_arn
}

# Exists without subscribers too: it costs nothing, and others than e-mail can subscribe.
resource "aws_sns_topic" "alarms" {
  name = "${var.function_name}-alarms"
}

resource "aws_sns_topic_subscription" "email" {
  for_each = toset(var.alarm_emails)

  topic_arn = aws_sns_topic.alarms.arn
  protocol  = "email"
  endpoint  = each.value
}

locals {
  gateway_metrics = { namespace = "chatrix", dimensions = { service = var.function_name } }
  lambda_metrics  = { namespace = "AWS/Lambda", dimensions = { FunctionName = var.function_name } }

  # A gateway that answers 500 has done its work as far as Lambda knows: its own metrics say what callers got, Lambda's
  # what never reached it. A threshold of 0 means no such alarm.
  alarms = {
    errors = {
      source      = local.gateway_metrics
      metric      = "Errors"
      statistic   = "Sum"
      threshold   = var.alarm_errors
      periods     = 1
      description = "Answers failed: status 5xx, or an error event in a stream."
    }
    throttles = {
      source      = local.gateway_metrics
      metric      = "Throttles"
      statistic   = "Sum"
      threshold   = var.alarm_throttles
      periods     = 1
      description = "Callers were told to come again: Bedrock throttles, or is overloaded."
    }
    first-event = {
      source      = local.gateway_metrics
      metric      = "TimeToFirstEvent"
      statistic   = "p95"
      threshold   = var.alarm_first_event_ms
      periods     = 3
      description = "Callers wait long for the first event of an answer (p95, milliseconds)."
    }
    lambda-errors = {
      source      = local.lambda_metrics
      metric      = "Errors"
      statistic   = "Sum"
      threshold   = min(var.alarm_errors, 1)
      periods     = 1
      description = "Invocations failed before or beside the gateway: it could not start, crashed, or was cut at the timeout."
    }
    lambda-throttles = {
      source      = local.lambda_metrics
      metric      = "Throttles"
      statistic   = "Sum"
      threshold   = var.alarm_throttles
      periods     = 1
      description = "Lambda turned requests away: reserved_concurrency, or the account's limit, is reached."
    }
    concurrency = {
      source      = local.lambda_metrics
      metric      = "ConcurrentExecutions"
      statistic   = "Maximum"
      threshold   = max(0, ceil(var.reserved_concurrency * var.alarm_concurrency_percent / 100))
      periods     = 1
      description = "Most of reserved_concurrency is in use."
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "gateway" {
  for_each = { for name, alarm in local.alarms : name => alarm if alarm.threshold > 0 }

  alarm_name        = "${var.function_name}-${each.key}"
  alarm_description = each.value.description

  namespace           = each.value.source.namespace
  dimensions          = each.value.source.dimensions
  metric_name         = each.value.metric
  statistic           = startswith(each.value.statistic, "p") ? null : each.value.statistic
  extended_statistic  = startswith(each.value.statistic, "p") ? each.value.statistic : null
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = each.value.threshold
  period              = 300
  evaluation_periods  = each.value.periods

  # Nobody asked anything: that is no alarm. Nor is the p95 of a handful of requests.
  treat_missing_data                    = "notBreaching"
  evaluate_low_sample_count_percentiles = startswith(each.value.statistic, "p") ? "ignore" : null

  alarm_actions = [aws_sns_topic.alarms.arn]
  ok_actions    = [aws_sns_topic.alarms.arn]
}

locals {
  # The consoles of the other partitions have other hosts.
  console_hosts = {
    aws        = "console.aws.amazon.com"
    aws-cn     = "console.amazonaws.cn"
    aws-us-gov = "console.amazonaws-us-gov.com"
  }
  console_host = lookup(local.console_hosts, local.partition, local.console_hosts.aws)

  # A graph is a title, where its metrics come from, and its lines: metric, statistic, label.
  graphs = [
    { title = "Requests", source = ["chatrix", "service"], lines = [["Duration", "SampleCount", "requests"], ["ColdStart", "Sum", "cold starts"]] },
    { title = "Errors and throttles", source = ["chatrix", "service"], lines = [["Errors", "Sum", "errors"], ["Throttles", "Sum", "throttles"], ["Drops", "Sum", "dropped or approximated"]] },
    { title = "Time to the first event (ms)", source = ["chatrix", "service"], lines = [["TimeToFirstEvent", "p50", "p50"], ["TimeToFirstEvent", "p95", "p95"]] },
    { title = "Duration of answers (ms)", source = ["chatrix", "service"], lines = [["Duration", "p50", "p50"], ["Duration", "p95", "p95"], ["Duration", "Maximum", "longest"]] },
    { title = "Tokens", source = ["chatrix", "service"], lines = [["InputTokens", "Sum", "input"], ["OutputTokens", "Sum", "output"], ["CacheReadTokens", "Sum", "cache read"], ["CacheWriteTokens", "Sum", "cache write"]] },
    { title = "Lambda", source = ["AWS/Lambda", "FunctionName"], lines = [["ConcurrentExecutions", "Maximum", "at once"], ["Errors", "Sum", "failed invocations"], ["Throttles", "Sum", "turned away"]] },
  ]

  # Two graphs a row, on a grid of 24 columns.
  graph_widgets = [
    for index, graph in local.graphs : {
      type   = "metric"
      x      = 12 * (index % 2)
      y      = 6 * floor(index / 2)
      width  = 12
      height = 6
      properties = {
        title  = graph.title
        region = var.aws_region
        view   = "timeSeries"
        period = 300
        metrics = [
          for line in graph.lines :
          [graph.source[0], line[0], graph.source[1], var.function_name, { stat = line[1], label = line[2] }]
        ]
      }
    }
  ]

  log_widget = {
    type   = "log"
    x      = 0
    y      = 18
    width  = 24
    height = 8
    properties = {
      title  = "Failed and throttled requests"
      region = var.aws_region
      view   = "table"
      query = join("\n| ", [
        "SOURCE '${aws_cloudwatch_log_group.gateway.name}'",
        "fields @timestamp, request_id, status, error_type, error_message, model, caller, lambda_request_id",
        "filter ispresent(total_ms) and error_type in ['api_error', 'overloaded_error', 'rate_limit_error', 'timeout_error']",
        "sort @timestamp desc",
        "limit 50",
      ])
    }
  }
}

resource "aws_cloudwatch_dashboard" "gateway" {
  dashboard_name = local.global_name
  dashboard_body = jsonencode({ widgets = concat(local.graph_widgets, [local.log_widget]) })
}

# Of the whole account: Claude on Bedrock is billed as a product of AWS Marketplace under a service name of each model's
# own, so that a filter on the service "Amazon Bedrock" would count next to nothing.
resource "aws_budgets_budget" "monthly" {
  for_each = { for limit in [var.monthly_budget_usd] : "usd" => limit if limit > 0 }

  name         = "${local.global_name}-monthly"
  budget_type  = "COST"
  time_unit    = "MONTHLY"
  limit_amount = tostring(each.value)
  limit_unit   = "USD"

  dynamic "notification" {
    for_each = length(var.alarm_emails) > 0 ? local.budget_notifications : []

    content {
      notification_type          = notification.value.type
      threshold                  = notification.value.percent
      threshold_type             = "PERCENTAGE"
      comparison_operator        = "GREATER_THAN"
      subscriber_email_addresses = var.alarm_emails
    }
  }
}

locals {
  budget_notifications = [
    { type = "ACTUAL", percent = 80 },
    { type = "ACTUAL", percent = 100 },
    { type = "FORECASTED", percent = 100 },
  ]
}
