"""An AWS account with a healthy stack.

It serves tests of the commands that inspect a stack. The clients are boto3's own: requests and the responses that a
test sets are validated against AWS's models.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Final, NamedTuple

import boto3
from botocore.validate import ParamValidator

from cli.stack import Stack
from tests import template
from tests.leaks import SIGNING_KEY

Response = dict[str, Any] | Callable[[dict[str, Any]], dict[str, Any]]

NOW: Final = datetime.now(UTC)
NAME: Final = "hooklog-prod"
KINDS: Final = {
    "AWS::Lambda::EventSourceMapping": ["SendWebhooksFunctionWebhooks", "LogUnloggedFunctionUnlogged"],
    "AWS::Lambda::Function": ["SendWebhooksFunction", "RunRecoveryFunction", "LogUnloggedFunction"],
    "AWS::CloudWatch::Alarm": ["DeadLetters", "SenderErrors"],
    "AWS::DynamoDB::Table": list(template.resources("AWS::DynamoDB::Table")),
    "AWS::SNS::Topic": ["Alarms"],
}


class Refused(NamedTuple):
    """An error response of AWS."""

    code: str
    message: str = "no"


class Account:
    """An AWS account whose responses a test can replace.

    `responses` are keyed by service and operation, such as `lambda.GetAccountSettings`.
    """

    def __init__(self, api_url: str = "", layer_url: str = "") -> None:
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.stack_parameters = {
            "Stage": "production",
            "SenderConcurrency": "100",
            "TestConcurrency": "10",
            "AuthorizerConcurrency": "50",
            "PointInTimeRecovery": "true",
        }
        self.outputs = {
            "ApiUrl": api_url,
            "SigningKeySecret": "SigningKey",
            **{f"{name}QueueUrl": name for name in ("", "DeadLetter", "Unlogged", "UnloggedDeadLetter")},
        }
        self.status = "UPDATE_COMPLETE"
        self.drift: dict[str, Any] = {"StackDriftStatus": "IN_SYNC", "LastCheckTimestamp": NOW}
        self.responses: dict[str, Response | Refused] = {
            "cloudformation.DescribeStacks": lambda _: {"Stacks": [self._stack()]},
            "cloudformation.ListStackResources": {"StackResourceSummaries": list(_resources())},
            "cloudwatch.DescribeAlarms": {"MetricAlarms": [alarm(name) for name in KINDS["AWS::CloudWatch::Alarm"]]},
            "dynamodb.DescribeContinuousBackups": backups("ENABLED"),
            "dynamodb.DescribeTable": {"Table": {"DeletionProtectionEnabled": True}},
            "dynamodb.Query": {"Items": []},
            "lambda.GetAccountSettings": settings(1000, 940),
            "lambda.GetEventSourceMapping": {"State": "Enabled"},
            "lambda.GetFunctionConfiguration": {"Runtime": "python3.13", "Layers": [{"Arn": LAYER}]},
            "lambda.GetFunctionRecursionConfig": {"RecursiveLoop": "Allow"},
            "lambda.GetLayerVersionByArn": {"Content": {"Location": layer_url}},
            "secretsmanager.DescribeSecret": {"LastChangedDate": NOW - timedelta(days=12)},
            "secretsmanager.GetSecretValue": {"SecretString": SIGNING_KEY, "VersionId": 32 * "1"},
            "sns.ListSubscriptionsByTopic": {"Subscriptions": [subscription("arn:aws:sns:eu-west-1:1:x:1")]},
            "sqs.GetQueueAttributes": {"Attributes": {"ApproximateNumberOfMessages": "0"}},
            "sqs.SendMessageBatch": lambda _: {"Successful": [], "Failed": []},
        }

    def stack(self) -> Stack:
        """Return the stack, to whose clients the account responds from now on."""
        _account[:] = [self]
        return Stack(NAME, self.outputs, _client, is_local=False)

    def _stack(self) -> dict[str, Any]:
        parameters = [{"ParameterKey": name, "ParameterValue": value} for name, value in self.stack_parameters.items()]
        return {
            "StackName": NAME,
            "CreationTime": NOW,
            "StackStatus": self.status,
            "Parameters": parameters,
            "DriftInformation": self.drift,
        }

    def respond(self, service: str, model: Any, context: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        name, request = f"{service}.{model.name}", context["request"]
        self.requests.append((name, request))
        response = self.responses[name]
        if isinstance(response, Refused):
            return _Status(400), {"Error": {"Code": response.code, "Message": response.message}}
        content = response(request) if callable(response) else response
        ParamValidator().validate(content, model.output_shape)
        return _Status(200), content


_account: list[Account] = []
"""The account whose stack was last asked for."""


@cache
def _client(service: str) -> Any:
    """Create a service's client once for all accounts: it takes longer than its requests."""
    create: Any = boto3.client
    client = create(service, region_name="eu-west-1", aws_access_key_id="test", aws_secret_access_key="test")
    client.meta.events.register("before-parameter-build", _keep_parameters)
    client.meta.events.register("before-call", lambda model, context, **_: _account[0].respond(service, model, context))
    return client


class _Status(NamedTuple):
    status_code: int


def _keep_parameters(params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
    context["request"] = dict(params)


LAYER: Final = "arn:aws:lambda:eu-west-1:123456789012:layer:SharedLayer:7"


def _resources() -> list[dict[str, Any]]:
    return [
        {
            "LogicalResourceId": name,
            "PhysicalResourceId": f"{NAME}-{name}",
            "ResourceType": kind,
            "ResourceStatus": "CREATE_COMPLETE",
            "LastUpdatedTimestamp": NOW,
        }
        for kind, names in KINDS.items()
        for name in names
    ]


def settings(quota: int, unreserved: int) -> dict[str, Any]:
    return {"AccountLimit": {"ConcurrentExecutions": quota, "UnreservedConcurrentExecutions": unreserved}}


def backups(status: str) -> dict[str, Any]:
    recovery = {"PointInTimeRecoveryStatus": status}
    return {
        "ContinuousBackupsDescription": {
            "ContinuousBackupsStatus": "ENABLED",
            "PointInTimeRecoveryDescription": recovery,
        }
    }


def alarm(name: str, state: str = "OK", minutes: int = 0, *, enabled: bool = True) -> dict[str, Any]:
    return {
        "AlarmName": f"{NAME}-{name}",
        "AlarmDescription": f"What is wrong. docs/operations.md#{name.lower()}",
        "StateValue": state,
        "StateUpdatedTimestamp": NOW - timedelta(minutes=minutes),
        "ActionsEnabled": enabled,
    }


def subscription(arn: str) -> dict[str, str]:
    return {"SubscriptionArn": arn, "Endpoint": "oncall@shop.example", "Protocol": "email"}
