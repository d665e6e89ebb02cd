"""A mock AWS with the template's tables and queues.

The functions' handlers are wired to it.
"""

import copyreg
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from types import CodeType, ModuleType
from typing import TYPE_CHECKING, Any, cast
from unittest.mock import patch

import boto3
import requests
from moto.backends import get_backend
from moto.core.models import DEFAULT_ACCOUNT_ID

import hooklog.aws
from hooklog.access.routes import ROUTES, Route
from tests import dynalite, leaks, template
from tests.moto_server import CREDENTIALS

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sqs import SQSClient

LOOPBACK = "127.0.0.0/8,::1/128"

_SERVICES = ("dynamodb", "kms", "scheduler", "secretsmanager", "sns", "sqs")


@dataclass
class MockAws:
    """The deployment's tables, queues, secret and schedule group.

    They are built from the template. `refs` maps logical IDs to what `!Ref` returns.
    """

    dynamodb: "DynamoDBClient"
    sqs: "SQSClient"
    scheduler: Any
    secrets: "SecretsManagerClient"
    kms: Any
    sns: Any
    refs: dict[str, str] = field(default_factory=dict)

    def build(self) -> None:
        for name, properties in template.resources("AWS::DynamoDB::Table").items():
            self.refs[name] = self._table(name, properties)
        for name, properties in template.resources("AWS::SQS::Queue").items():
            self.refs[name] = self._queue(name, properties)
        for name in template.resources("AWS::SecretsManager::Secret"):
            self.refs[name] = self.secrets.create_secret(Name=name, SecretString=leaks.SIGNING_KEY)["ARN"]
        for name in template.resources("AWS::KMS::Key"):
            self.refs[name] = self.kms.create_key()["KeyMetadata"]["KeyId"]
        for name in template.resources("AWS::SNS::Topic"):
            self.refs[name] = self.sns.create_topic(Name=name)["TopicArn"]
        for name in template.resources("AWS::Scheduler::ScheduleGroup"):
            self.scheduler.create_schedule_group(Name=name)
            self.refs[name] = name

    def empty_tables(self) -> None:
        """Create the tables that a test deleted, and empty the others."""
        existing = self.dynamodb.list_tables()["TableNames"]
        for name, properties in template.resources("AWS::DynamoDB::Table").items():
            if name in existing:
                dynalite.empty(self.dynamodb, name)
            else:
                self._table(name, properties)

    def _table(self, name: str, properties: Mapping[str, Any]) -> str:
        keys = ("KeySchema", "AttributeDefinitions", "BillingMode", "ProvisionedThroughput", "GlobalSecondaryIndexes")
        definition: Any = template.default({key: properties[key] for key in keys if key in properties})
        self.dynamodb.create_table(TableName=name, **definition)
        if expiry := properties.get("TimeToLiveSpecification"):
            self.dynamodb.update_time_to_live(TableName=name, TimeToLiveSpecification=expiry)
        return name

    def _queue(self, name: str, properties: Mapping[str, Any]) -> str:
        names = ("MaximumMessageSize", "FifoQueue", "DeduplicationScope", "FifoThroughputLimit")
        size = {"MaximumMessageSize": 262_144}
        attributes = size | {each: properties[each] for each in names if each in properties}
        texts: Any = {each: str(value).lower() if value is True else str(value) for each, value in attributes.items()}
        suffix = ".fifo" if properties.get("FifoQueue") else ""
        return self.sqs.create_queue(QueueName=name + suffix, Attributes=texts)["QueueUrl"]

    def environment(self, function: str, **overrides: str) -> dict[str, str]:
        """Return a function's environment variables.

        Each `!Ref` is resolved to a parameter's default or a mock resource. The allowed networks are loopback, as in
        the local stack: the tests' receivers listen there.
        """
        values = {name: template.default(value) for name, value in template.environment(function).items()}
        resolved = {name: self._resolve(value) for name, value in values.items()}
        allowed = {name: LOOPBACK for name in resolved if name == "ALLOWED_NETWORKS"}
        return {"POWERTOOLS_SERVICE_NAME": "hooklog", **resolved, **allowed, **overrides}

    def _resolve(self, value: Any) -> str:
        """Resolve a Ref or an Fn::GetAtt.

        A queue's ARN ends with its name; a role's ARN can be any text.
        """
        if not isinstance(value, dict):
            return str(value)
        if "Ref" in value:
            return self.refs[value["Ref"]]
        if value["Fn::GetAtt"][1] == "Id":
            return self.refs[value["Fn::GetAtt"][0]]
        return f"arn:aws:mock:eu-west-1:123456789012:{value['Fn::GetAtt'][0]}"

    def rows(self, table: str) -> list[dict[str, Any]]:
        """Return all items of a table in DynamoDB's JSON."""
        pages = self.dynamodb.get_paginator("scan").paginate(TableName=self.refs[table])
        return [item for page in pages for item in page["Items"]]

    def messages(self, queue: str) -> list[dict[str, Any]]:
        """Receive up to ten messages, which are hidden from the next call."""
        received = self.sqs.receive_message(
            QueueUrl=self.refs[queue], MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        )
        return [dict(message) for message in received.get("Messages", [])]

    def take(self, queue: str, count: int = 1, seconds: float = 60) -> dict[str, Any]:
        """Take `count` messages off the queue and return them as an SQS event.

        Waits until that many have arrived.
        """
        records: list[dict[str, Any]] = []
        ends = time.monotonic() + seconds
        while len(records) < count:
            assert time.monotonic() < ends, f"{len(records)} of {count} on {queue} within {seconds} s"
            received = self.sqs.receive_message(
                QueueUrl=self.refs[queue],
                MaxNumberOfMessages=10,
                AttributeNames=["All"],
                MessageAttributeNames=["All"],
                WaitTimeSeconds=1,
            )
            if messages := received.get("Messages", []):
                entries: Any = [{"Id": str(n), "ReceiptHandle": m["ReceiptHandle"]} for n, m in enumerate(messages)]
                self.sqs.delete_message_batch(QueueUrl=self.refs[queue], Entries=entries)
                records += map(_record, messages)
        return {"Records": records}

    def release_delayed(self, queue: str) -> None:
        """Make the delayed messages of a queue available now."""
        sqs_queue = get_backend("sqs")[DEFAULT_ACCOUNT_ID][CREDENTIALS["AWS_DEFAULT_REGION"]].queues[queue]
        for message in sqs_queue._messages:  # noqa: SLF001 - moto has no public access to delayed messages
            message.delayed_until = 0

    def waiting(self, queue: str) -> int:
        """Return the number of messages on a queue, including delayed ones."""
        names: Any = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesDelayed"]
        attributes = self.sqs.get_queue_attributes(QueueUrl=self.refs[queue], AttributeNames=names)["Attributes"]
        return sum(map(int, attributes.values()))

    def start(self, function: str, **overrides: str) -> ModuleType:
        """Import a function's app.py as Lambda does, with the template's environment.

        Its client of DynamoDB waits for long, because a mock on a busy machine does. A repeated write would fail its
        condition. A DynamoDB that a test can break has the deployed limits.
        """
        patient = hooklog.aws.DYNAMODB._replace(connect_seconds=60, read_seconds=60)
        limits = hooklog.aws.DYNAMODB if "AWS_ENDPOINT_URL_DYNAMODB" in os.environ else patient
        with (
            patch.dict(os.environ, self.environment(function, **overrides)),
            patch.object(hooklog.aws, "DYNAMODB", limits),
        ):
            module = load_app(function)
        module.__dict__["lambda_handler"] = leaks.watched(module.lambda_handler)
        return module

    def endpoint(self, handler: str, **overrides: str) -> "Endpoint":
        """Start the function of the route with this handler."""
        (route,) = (each for each in ROUTES if each.handler == handler)
        return Endpoint(route, self.start(template.function_in(route.function), **overrides))


@dataclass(frozen=True)
class Endpoint:
    """A route, called as API Gateway calls its function."""

    route: Route
    app: ModuleType

    def lambda_handler(self, event: Mapping[str, Any], context: Any) -> Any:
        called = {"httpMethod": self.route.method, "resource": self.route.resource}
        return self.app.lambda_handler({**event, **called}, context)


def _record(message: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "messageId": message["MessageId"],
        "body": message["Body"],
        "attributes": {**message["Attributes"], "ApproximateReceiveCount": "1"},
        "messageAttributes": {
            name: {"dataType": value["DataType"], "stringValue": value.get("StringValue")}
            for name, value in message.get("MessageAttributes", {}).items()
        },
    }


def load_app(function: str) -> ModuleType:
    """Execute app.py in a new module.

    It is compiled once, and no bytecode is written: bytecode would be deployed with the folder.
    """
    path = template.ROOT / template.functions()[function]["CodeUri"] / "app.py"
    module = ModuleType(f"app_of_{function}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module
    exec(_compile(path), vars(module))
    return module


@cache
def _compile(path: Path) -> CodeType:
    return compile(path.read_text(), path, "exec")


def mock_aws(endpoint: str) -> MockAws:
    """Return the template's resources in their initial state.

    A process has only one moto. The resources are built once and then restored, which takes half a millisecond instead
    of a hundred.
    """
    aws, states = _built(endpoint)
    for backend, state in zip(_backends(), states, strict=True):
        backend.__dict__ = _copy(backend, state)
    if dynalite.IS_WANTED:
        aws.empty_tables()
    return replace(aws, refs=dict(aws.refs))


@cache
def _built(endpoint: str) -> tuple[MockAws, list[dict[str, Any]]]:
    """Build the resources and return them with moto's initial state."""
    requests.post(f"{endpoint}/moto-api/reset", timeout=60).raise_for_status()
    aws = MockAws(*_clients(endpoint))
    aws.build()
    return aws, [_copy(backend, vars(backend)) for backend in _backends()]


def _backends() -> list[Any]:
    """Return moto's backend of each service."""
    backend_of = cast("Callable[[str], Any]", get_backend)
    return [backend_of(service)[DEFAULT_ACCOUNT_ID][CREDENTIALS["AWS_DEFAULT_REGION"]] for service in _SERVICES]


def _copy(backend: object, state: dict[str, Any]) -> dict[str, Any]:
    """Copy a state, but not the backend that some resources refer to."""
    return deepcopy(state, {id(backend): backend})


copyreg.pickle(threading.Condition, lambda _: (threading.Condition, ()))  # each of moto's queues has one


@cache
def _clients(endpoint: str) -> "tuple[DynamoDBClient, SQSClient, Any, SecretsManagerClient, Any, Any]":
    session = boto3.Session(region_name=CREDENTIALS["AWS_DEFAULT_REGION"])
    return (
        session.client("dynamodb", endpoint_url=endpoint),
        session.client("sqs", endpoint_url=endpoint),
        session.client("scheduler", endpoint_url=endpoint),
        session.client("secretsmanager", endpoint_url=endpoint),
        session.client("kms", endpoint_url=endpoint),
        session.client("sns", endpoint_url=endpoint),
    )
