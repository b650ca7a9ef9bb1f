"""moto's server, with what it lacks for this design: `python moto_server.py PORT`.

Two calls about budgets (the provider makes them after creating one, and repeats a call that fails for minutes), the
tags of a budget, a function's logging configuration, which moto forgets, and the image of a function's older versions.
With these the second plan must be empty without a single exception. Everything added is only stored and given back;
nothing is judged here.
"""

import json
import sys
from typing import Any, Final

import moto.cloudformation.models  # noqa: F401  # a package that it lacks is told now, not in the middle of an apply
from moto.awslambda.models import LambdaFunction
from moto.budgets.responses import BudgetsResponse
from moto.server import main

NOTIFICATION_KEY: Final = ("NotificationType", "ComparisonOperator", "Threshold", "ThresholdType")

# Their classes get attributes and methods here that their own types do not know.
budgets_response: Any = BudgetsResponse
lambda_function: Any = LambdaFunction

create_budget = budgets_response.create_budget
create_function = lambda_function.__init__
update_configuration = lambda_function.update_configuration
get_configuration = lambda_function.get_configuration
update_function_code = lambda_function.update_function_code


def create_budget_with_tags(self: Any) -> str:
    reply: str = create_budget(self)
    budgets(self)[self._get_param("Budget")["BudgetName"]].tags = self._get_param("ResourceTags") or []
    return reply


def list_tags_for_resource(self: Any) -> str:
    # arn:aws:budgets::ACCOUNT:budget/NAME
    _, account_id, resource = self._get_param("ResourceARN").rsplit(":", 2)
    budget = self.backend.budgets[account_id][resource.removeprefix("budget/")]
    return json.dumps({"ResourceTags": budget.tags})


def describe_subscribers_for_notification(self: Any) -> str:
    wanted = self._get_param("Notification")
    budget = budgets(self)[self._get_param("BudgetName")]
    found = next(each for each in budget.notifications if key(each.details) == key(wanted))
    return json.dumps({"Subscribers": found.subscribers})


def budgets(response: Any) -> dict[str, Any]:
    found: dict[str, Any] = response.backend.budgets[response._get_param("AccountId")]
    return found


def key(notification: dict[str, Any]) -> list[Any]:
    return [notification.get(name) for name in NOTIFICATION_KEY]


def create_function_with_logging(self: Any, account_id: str, spec: dict[str, Any], *rest: Any, **named: Any) -> None:
    create_function(self, account_id, spec, *rest, **named)
    self.logging_config = spec.get("LoggingConfig")


def update_configuration_with_logging(self: Any, config_updates: dict[str, Any]) -> dict[str, Any]:
    self.logging_config = config_updates.get("LoggingConfig", self.logging_config)
    return dict(update_configuration(self, config_updates))


def get_configuration_with_logging(self: Any, on_create: bool = False) -> dict[str, Any]:
    configuration: dict[str, Any] = get_configuration(self, on_create)
    configuration["LoggingConfig"] = self.logging_config
    # AWS gives no image configuration back where none was given.
    if not any(configuration.get("ImageConfigResponse", {}).get("ImageConfig", {}).values()):
        configuration.pop("ImageConfigResponse", None)
    return configuration


def update_function_code_of_one(self: Any, updated_spec: dict[str, Any]) -> dict[str, Any]:
    """moto's versions share one description of their code, so that an update would change the old ones too."""
    self.code = dict(self.code)
    return dict(update_function_code(self, updated_spec))


def fill_the_gaps() -> None:
    budgets_response.create_budget = create_budget_with_tags
    budgets_response.list_tags_for_resource = list_tags_for_resource
    budgets_response.describe_subscribers_for_notification = describe_subscribers_for_notification
    lambda_function.__init__ = create_function_with_logging
    lambda_function.update_configuration = update_configuration_with_logging
    lambda_function.get_configuration = get_configuration_with_logging
    lambda_function.update_function_code = update_function_code_of_one


if __name__ == "__main__":
    fill_the_gaps()
    main(["-H", "127.0.0.1", "-p", sys.argv[1]])
