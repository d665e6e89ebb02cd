"""Tests of the permissions that the local AWS enforces.

It refuses what a role does not grant, so a missing action fails a test.
"""

import json
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local import aws, places
from tests.deployment import Deployment, Receiver, until
from tests.stack_changes import physical_id

Arguments = dict[str, Any]

REFUSALS = {"AccessDenied", "AccessDeniedException", "AuthorizationError"}

KEY = {"webhook_id": {"S": "nobody"}}
EXECUTION = {**KEY, "executed_at": {"S": "never"}}
QUEUE = {"QueueUrl": "{WebhookQueue}"}
RECEIPTS = {**QUEUE, "Entries": [{"Id": "1", "ReceiptHandle": "none"}]}
COUNTS = {"TableName": "{ExecutionCounts}", "Key": {**KEY, "hour": {"S": "2026-11-28T12"}}}
SECRET = {"SecretId": "{SigningKey}"}
WEBHOOK = {"TableName": "{Webhooks}", "Key": KEY}
PLAINTEXT = {"KeyId": "{WebhookKey}", "Plaintext": b"none"}
CIPHERTEXT = {"KeyId": "{WebhookKey}", "CiphertextBlob": b"none"}
EVENT = {"TopicArn": "{WebhookEvents}", "Message": json.dumps({"webhook_id": "nobody"})}
EVENTS = {"TopicArn": "{WebhookEvents}", "PublishBatchRequestEntries": [{"Id": "1", "Message": EVENT["Message"]}]}
SEEN = {"TableName": "{SeenWebhooks}", "Key": KEY}
EXECUTIONS = {
    "TableName": "{Executions}",
    "KeyConditionExpression": "webhook_id = :id",
    "ExpressionAttributeValues": {":id": {"S": "nobody"}},
}
FAILURES = {**EXECUTIONS, "IndexName": "failures"}
TARGET = {"Arn": "arn:aws:scheduler:::aws-sdk:sqs:sendMessage", "RoleArn": "[RetriesRole]", "Input": "none"}
SCHEDULE = {
    "Name": "iam",
    "GroupName": "{Retries}",
    "ScheduleExpression": "at(2999-01-01T00:00:00)",
    "FlexibleTimeWindow": {"Mode": "OFF"},
    "Target": TARGET,
}


def items(*tables: str) -> Arguments:
    return {"RequestItems": {table: {"Keys": [EXECUTION]} for table in tables}}


@pytest.mark.parametrize(
    ("function", "operation", "arguments"),
    [
        ("SendWebhooksFunction", "sqs.get_queue_attributes", QUEUE),
        ("SendWebhooksFunction", "sqs.delete_message_batch", RECEIPTS),
        ("SendWebhooksFunction", "kms.decrypt", CIPHERTEXT),
        ("SendWebhooksFunction", "sns.publish_batch", EVENTS),
        ("CountExecutionsFunction", "sns.publish_batch", EVENTS),
        ("PublishEventsFunction", "sns.publish_batch", EVENTS),
        ("SendWebhooksFunction", "scheduler.create_schedule", SCHEDULE),
        ("AuthorizeFunction", "secretsmanager.get_secret_value", SECRET),
        ("ReadApiFunction", "dynamodb.get_item", WEBHOOK),
        ("ReadApiFunction", "dynamodb.query", FAILURES),
        ("ResendApiFunction", "sqs.send_message_batch", {**QUEUE, "Entries": []}),
        ("ManageApiFunction", "kms.encrypt", PLAINTEXT),
        ("LogUnloggedFunction", "dynamodb.batch_get_item", items("{ExecutionDetails}")),
        ("CountExecutionsFunction", "dynamodb.get_item", COUNTS),
    ],
)
def test_what_a_role_grants_is_done(
    deployment: Deployment, function: str, operation: str, arguments: Arguments
) -> None:
    assert refusal(function, operation, arguments) is None


@pytest.mark.parametrize(
    ("function", "operation", "arguments"),
    [
        # what another function may do
        ("LogUnloggedFunction", "sqs.get_queue_attributes", QUEUE),
        ("ResendApiFunction", "sqs.delete_message_batch", RECEIPTS),
        ("ReadApiFunction", "kms.decrypt", CIPHERTEXT),
        ("ReadApiFunction", "sqs.send_message_batch", {**QUEUE, "Entries": []}),
        ("ResendApiFunction", "kms.decrypt", CIPHERTEXT),
        ("ManageApiFunction", "sqs.send_message_batch", {**QUEUE, "Entries": []}),
        ("TestWebhookFunction", "sns.publish", EVENT),
        ("ReadApiFunction", "sns.publish_batch", EVENTS),
        ("PublishEventsFunction", "dynamodb.query", EXECUTIONS),
        ("PublishEventsFunction", "dynamodb.get_item", WEBHOOK),
        ("PublishEventsFunction", "kms.decrypt", CIPHERTEXT),
        ("TestWebhookFunction", "scheduler.create_schedule", SCHEDULE),
        ("SendWebhooksFunction", "secretsmanager.get_secret_value", SECRET),
        ("ResendApiFunction", "dynamodb.get_item", WEBHOOK),
        ("HistoryPageFunction", "dynamodb.query", EXECUTIONS),
        # the same action on another resource
        ("SendWebhooksFunction", "sqs.get_queue_attributes", {"QueueUrl": "{WebhookDeadLetterQueue}"}),
        ("SendWebhooksFunction", "sqs.send_message_batch", {"QueueUrl": "{RecoveryQueue}", "Entries": []}),
        ("SendWebhooksFunction", "dynamodb.get_item", {"TableName": "{ExecutionDetails}", "Key": EXECUTION}),
        ("SendWebhooksFunction", "dynamodb.query", FAILURES),
        ("SendWebhooksFunction", "scheduler.create_schedule", {**SCHEDULE, "GroupName": "default"}),
        ("LogUnloggedFunction", "dynamodb.batch_get_item", items("{ExecutionDetails}", "{Executions}")),
        ("CountExecutionsFunction", "dynamodb.get_item", {"TableName": "{Executions}", "Key": EXECUTION}),
        ("PublishEventsFunction", "sns.publish_batch", {**EVENTS, "TopicArn": "{Alarms}"}),
        # another action on the same resource
        ("PublishEventsFunction", "dynamodb.delete_item", SEEN),
        ("SendWebhooksFunction", "sqs.purge_queue", QUEUE),
        ("SendWebhooksFunction", "kms.encrypt", PLAINTEXT),
        ("ReadApiFunction", "dynamodb.scan", {"TableName": "{Executions}"}),
        (
            "LogUnloggedFunction",
            "dynamodb.transact_write_items",
            {"TransactItems": [{"Delete": {"TableName": "{Executions}", "Key": EXECUTION}}]},
        ),
        # passing on another role
        (
            "SendWebhooksFunction",
            "scheduler.create_schedule",
            {**SCHEDULE, "Target": {**TARGET, "RoleArn": "[LogUnloggedRole]"}},
        ),
    ],
)
def test_what_a_role_does_not_grant_is_refused(
    deployment: Deployment, function: str, operation: str, arguments: Arguments
) -> None:
    assert refusal(function, operation, arguments) in REFUSALS


def refusal(function: str, operation: str, arguments: Arguments) -> str | None:
    """Return IAM's error for this call with the function's role.

    Returns None if IAM allows the call, even if the call then fails.
    """
    service, name = operation.split(".")
    try:
        getattr(client_of(function, service), name)(**resolve(arguments))
    except ClientError as error:
        return code if (code := error.response["Error"]["Code"]) in REFUSALS else None
    if name == "create_schedule":
        aws.client("scheduler").delete_schedule(GroupName=resolve(arguments["GroupName"]), Name=arguments["Name"])
    return None


def client_of(function: str, service: str) -> Any:
    """Return a client with the credentials of a function's role.

    The local AWS lets its root user assume it.
    """
    role = aws.lambdas().get_function_configuration(FunctionName=physical_id(function))["Role"]
    session = aws.client("sts").assume_role(RoleArn=role, RoleSessionName="tests")["Credentials"]
    return aws.session().create_client(
        service,
        endpoint_url=places.endpoint(),
        aws_access_key_id=session["AccessKeyId"],
        aws_secret_access_key=session["SecretAccessKey"],
        aws_session_token=session["SessionToken"],
    )


def resolve(value: Any) -> Any:
    """Replace the logical IDs in `value` with those of the deployment.

    Each {LogicalId} becomes the resource's physical ID, and each [LogicalId] the role's ARN.
    """
    if isinstance(value, dict):
        return {resolve(name): resolve(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [resolve(inner) for inner in value]
    if not isinstance(value, str):
        return value
    if role := re.fullmatch(r"\[(\w+)]", value):
        return aws.client("iam").get_role(RoleName=physical_id(role[1]))["Role"]["Arn"]
    return re.sub(r"\{(\w+)}", lambda match: physical_id(match[1]), value)


def test_scheduler_acts_with_the_role_that_it_is_given(deployment: Deployment) -> None:
    """Run two due schedules, the first for a queue that the role does not name."""
    text = uuid.uuid4().hex
    forbidden = deployment.outputs["RecoveryDeadLetterQueueUrl"]
    due = {"ScheduleExpression": "at(2026-01-01T00:00:00)", "ActionAfterCompletion": "DELETE"}
    for number, queue in enumerate((forbidden, deployment.outputs["DeadLetterQueueUrl"])):
        schedule = resolve({**SCHEDULE, **due, "Name": f"iam-{number}-{text}"})
        schedule["Target"]["Input"] = json.dumps({"QueueUrl": queue, "MessageBody": text})
        aws.client("scheduler").create_schedule(**schedule)
    deployment.dead_letter(text)
    waiting = deployment.sqs.receive_message(QueueUrl=forbidden, MaxNumberOfMessages=10, VisibilityTimeout=0)
    assert text not in [letter["Body"] for letter in waiting.get("Messages", [])]


def test_a_function_fails_without_an_action_that_it_needs(
    deployment: Deployment, receiver_process: Receiver, webhook_id: str
) -> None:
    message = {"webhook_id": webhook_id, "url": f"{receiver_process['http_url']}/status/200", "payload": {}}
    deployment.enqueue(webhook_id, message)
    (execution,) = deployment.wait_for_history(webhook_id, 1)
    path = f"/webhooks/{webhook_id}/executions/{execution['execution_id']}"
    with role_without("ReadApiRole", "dynamodb:BatchGetItem"):
        assert deployment.get(path).status_code >= 500
    until(lambda: deployment.get(path).status_code, lambda status: status == 200)


@contextmanager
def role_without(role: str, action: str) -> Iterator[None]:
    """Remove an action from a deployed role within the context."""
    iam, name = aws.client("iam"), physical_id(role)
    (policy,) = iam.list_role_policies(RoleName=name)["PolicyNames"]
    before = iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
    remaining = [statement for statement in before["Statement"] if action not in statement["Action"]]
    assert len(remaining) < len(before["Statement"])
    reduced = json.dumps({**before, "Statement": remaining})
    iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=reduced)
    try:
        yield
    finally:
        iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=json.dumps(before))
