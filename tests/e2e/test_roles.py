"""Tests of each function's role against the calls that it makes.

A role grants every action that is called, and no other. Every function is led through everything it does, with a
recorder between it and the local AWS. What Lambda does with a role, polling queues and writing logs, is taken from the
deployment, because the local AWS does not enforce it.
"""

import json
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from functools import partial
from typing import Any

import pytest
import requests

from hooklog.executions.execution import compact_time, iso_time
from hooklog.executions.log import Put
from hooklog.queues.pending import to_body
from hooklog.sending.recovery import MAX_RUNS
from local import aws, places
from tests import template
from tests.aws_calls import Call, RecordingAws
from tests.deployment import Deployment, Receiver, mint, until
from tests.events import sqs_event
from tests.receiver.certificates import issue_client
from tests.stack_changes import changed_environment, paused, physical_id, shortened_timeout
from tests.stream import Shard, image
from tests.subscriptions import add_pending_event, read_pending_types

POLLED_WITH = {
    "sqs": ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes"),
    "dynamodb": ("DescribeStream", "GetShardIterator", "GetRecords", "ListStreams"),
}
"""What Lambda calls to poll a source."""

WHAT_TO_DO = """\
{function} and its role (template.yaml) do not agree.
Granted, but not called: take it out of the role, or let `scenario` in tests/e2e/test_roles.py lead to it:
{unused}
Called, but not granted: AWS would refuse it; add it to the role (or, if the resource is `unknown`, teach
tests/aws_calls.py the service):
{refused}"""


@pytest.fixture(scope="module")
def recorder(deployment: Deployment, receiver_process: Receiver) -> Iterator[RecordingAws]:
    """Yield the recorder after the scenario has ended."""
    with RecordingAws(deployment.outputs["EndpointUrl"]) as recording, ExitStack() as changed:
        for function in template.functions():
            variables = {"AWS_ENDPOINT_URL": recording.url, "AWS_SDK_UA_APP_ID": function}
            if function == "SendWebhooksFunction":
                variables["RETRY_SCHEDULE"] = "1,1800"
            changed.enter_context(changed_environment(function, **variables))
        scenario(Api(deployment), recording, receiver_process["http_url"])
        changed.close()
        yield recording


class Api:
    """The deployed API, called over HTTP with a token for everything.

    The authorizer checks the token.
    """

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        self.webhook_id = f"roles.{uuid.uuid4().hex[:12]}"
        self._token = mint(deployment.outputs["SigningKey"])

    def call(self, method: str, path: str, status: int = 200, *, token: str = "", **arguments: Any) -> Any:
        headers = {"Authorization": f"Bearer {token or self._token}"}
        url = f"{self.deployment.outputs['ApiUrl']}{path}"
        response = requests.request(method, url, headers=headers, timeout=60, **arguments)
        assert response.status_code == status, response.text
        return response.json() if response.content else None

    def enqueue(self, url: str, webhook_id: str, message_id: str) -> None:
        message = {"webhook_id": webhook_id, "message_id": message_id, "url": url, "payload": {}}
        self.deployment.enqueue(webhook_id, message)


def scenario(api: Api, recording: RecordingAws, receiver: str) -> None:
    """Make every function perform each of its AWS calls.

    A registered webhook is used in parallel with one that is not registered. Log writes fail before that, because a
    sender that cannot log a batch observes none of its failures.
    """
    pending_log_writes(api, recording, receiver)
    with ThreadPoolExecutor() as pool:
        registered = pool.submit(webhooks, api, recording, receiver)
        raised = pool.submit(events, api, recording, receiver)
        in_order = pool.submit(ordered_messages, api, recording, receiver)
        retries_and_dead_letters(api, recording, receiver)
        reads_of_the_api(api)
        recoveries(api)
        erasures(api, recording)
        counts(api)
    registered.result()
    raised.result()
    in_order.result()


def retries_and_dead_letters(api: Api, recording: RecordingAws, receiver: str) -> None:
    """Retry after a second, then with EventBridge Scheduler."""
    api.enqueue(f"{receiver}/status/500", api.webhook_id, api.webhook_id)
    api.deployment.enqueue(api.webhook_id, poison := json.dumps({"webhook_id": api.webhook_id}))
    api.deployment.wait_for_history(api.webhook_id, 2)
    api.deployment.dead_letter(poison)
    until(lambda: recording.of("SendWebhooksFunction"), lambda calls: any(c.action == "iam:PassRole" for c in calls))


def pending_log_writes(api: Api, recording: RecordingAws, receiver: str) -> None:
    lagging = f"{api.webhook_id}.lagging"
    recording.refuse_writes("SendWebhooksFunction", lagging)
    api.enqueue(f"{receiver}/status/410", lagging, lagging)
    api.deployment.wait_for_history(lagging, 1)


def reads_of_the_api(api: Api) -> None:
    executions = f"/webhooks/{api.webhook_id}/executions"
    api.call("GET", executions)
    failed = api.call("GET", f"{executions}?status=failure")["executions"][0]
    api.call("GET", f"{executions}/{failed['execution_id']}")
    api.call("GET", f"/messages/{api.webhook_id}/executions")
    api.call("POST", f"{executions}/{failed['execution_id']}/resend", 202)
    api.call("GET", f"/webhooks/{api.webhook_id}/stats")
    own = mint(api.deployment.outputs["SigningKey"], webhooks=[api.webhook_id, f"{api.webhook_id}.*"])
    until(
        lambda: api.call("GET", "/webhooks?seen=true", token=own)["webhooks"],
        lambda seen: any(each["webhook_id"] == api.webhook_id and each["last_24_hours"]["failed"] for each in seen),
    )


def recoveries(api: Api) -> None:
    """Recover a failure whose details may have expired.

    At first, the function has too little time.
    """
    old = log_failure(api.deployment, api.webhook_id, datetime.now(UTC) - timedelta(days=2))
    log_first_of_two_parts(api.deployment, api.webhook_id, old)
    api.call("GET", f"/webhooks/{api.webhook_id}/executions/{old}")
    recover = f"/webhooks/{api.webhook_id}/recover"
    with paused("RunRecoveryFunction"):
        since = {"since": "2026-01-01T00:00:00Z"}
        stall(api, api.call("POST", recover, 202, json=since)["recovery_id"])
        started = api.call("POST", recover, 202, json=since)
        task = {"webhook_id": api.webhook_id, **started}
        with shortened_timeout("RunRecoveryFunction", 15):
            invoke("RunRecoveryFunction", sqs_event(task))
            invoke("RunRecoveryFunction", sqs_event({**task, "runs": MAX_RUNS - 1}))
    counted = api.call("POST", recover, 202, json={**since, "status": "all", "dry_run": True})
    for recovery_id in (started["recovery_id"], counted["recovery_id"]):
        until(partial(api.call, "GET", f"{recover}/{recovery_id}"), lambda progress: progress["status"] == "done")


def stall(api: Api, recovery_id: str) -> None:
    aws.client("dynamodb").update_item(
        TableName=physical_id("Recoveries"),
        Key={"webhook_id": {"S": api.webhook_id}, "recovery_id": {"S": recovery_id}},
        UpdateExpression="SET advanced_at = :at",
        ExpressionAttributeValues={":at": {"N": "0"}},
    )


def invoke(function: str, event: dict[str, Any]) -> None:
    answer = aws.lambdas().invoke(FunctionName=physical_id(function), Payload=json.dumps(event))
    assert "FunctionError" not in answer, answer["Payload"].read()


def counts(api: Api) -> None:
    """Count an execution, and then its record again."""
    shard = Shard()
    for _ in range(2):
        invoke("CountExecutionsFunction", shard.event(shard.records(image(api.webhook_id))[:1]))
        shard = Shard()


def erasures(api: Api, recording: RecordingAws) -> None:
    """Erase one execution's details, then those of the whole message.

    Some details of the execution are logged only after the erasure.
    """
    failed = api.call("GET", f"/webhooks/{api.webhook_id}/executions?status=failure")["executions"][0]
    api.call("DELETE", f"/webhooks/{api.webhook_id}/executions/{failed['execution_id']}/details", 204)
    texts = {"webhook_id": {"S": api.webhook_id}, "executed_at": {"S": failed["execution_id"]}}
    late = {**texts, "content": {"B": b""}, "parts": {"N": "1"}, "expires_at": {"N": "4000000000"}}
    outputs = api.deployment.outputs
    body = to_body(Put(outputs["ExecutionDetailsTable"], late, 0))
    api.deployment.sqs.send_message(QueueUrl=outputs["UnloggedQueueUrl"], MessageBody=body)
    until(
        lambda: recording.of("LogUnloggedFunction"), lambda calls: any(c.action.endswith("UpdateItem") for c in calls)
    )
    api.call("DELETE", f"/messages/{api.webhook_id}/details", 204)


def webhooks(api: Api, recording: RecordingAws, receiver: str) -> None:
    """Register a webhook, send to it with its secret, and remove it.

    In between, it is disabled and tested, also while the log is unavailable.
    """
    webhook_id = f"{api.webhook_id}.registered"
    webhook = f"/webhooks/{webhook_id}"
    own = mint(api.deployment.outputs["SigningKey"], webhooks=[f"{api.webhook_id}.*"])
    fields = {"url": f"{receiver}/status/500", "topic": webhook_id, "enabled": True, "max_per_second": 1000}
    api.call("PUT", webhook, 201, token=own, json=fields)
    log_old_failures(api.deployment, webhook_id)
    api.call("GET", webhook)
    api.call("GET", "/webhooks")
    api.call("POST", f"{webhook}/secret")
    api.call("GET", f"{webhook}/secret")
    api.deployment.enqueue(webhook_id, {"topic": webhook_id, "payload": {}})
    until(lambda: api.call("GET", webhook)["enabled"], lambda is_enabled: not is_enabled)
    api.call("POST", f"{webhook}/test")
    recording.refuse_writes("TestWebhookFunction", webhook_id)
    api.call("POST", f"{webhook}/test")
    api.call("DELETE", webhook, 204)


def events(api: Api, recording: RecordingAws, receiver: str) -> None:
    """Disable a webhook and raise events of another while SNS refuses them; then publish what waits."""
    webhook_id = f"{api.webhook_id}.events"
    own = mint(api.deployment.outputs["SigningKey"], webhooks=[f"{api.webhook_id}.*"])
    fields = {"url": f"{receiver}/status/410", "enabled": True}
    api.call("PUT", f"/webhooks/{webhook_id}", 201, token=own, json=fields)
    warn_of_certificate(api, f"{webhook_id}.certified", own)
    with recording.refuse_events(webhook_id):
        api.deployment.enqueue(webhook_id, *[{"webhook_id": webhook_id, "payload": {}}] * 6)
        until(lambda: read_pending_types(webhook_id), lambda found: "webhook.disabled" in found)
    waiting, failing = f"{webhook_id}.waiting", f"{webhook_id}.failing"
    add_pending_event(waiting)
    invoke("PublishEventsFunction", {})
    assert read_pending_types(waiting) == []
    for number in range(6):
        api.enqueue(f"{receiver}/status/410", failing, f"{failing}.{number}")
    until(lambda: recording.of("CountExecutionsFunction"), lambda calls: any("Publish" in c.action for c in calls))
    api.call("DELETE", f"/webhooks/{webhook_id}", 204)


def warn_of_certificate(api: Api, webhook_id: str, own: str) -> None:
    """Publish the event of a certificate that expires soon."""
    soon = issue_client("hooklog", ends=timedelta(days=20))
    uploaded = {"certificate": soon.certificate_pem, "key": soon.key_pem}
    fields = {"url": "https://127.0.0.1:9443/", "client_certificate": uploaded}
    api.call("PUT", f"/webhooks/{webhook_id}", 201, token=own, json=fields)
    invoke("PublishEventsFunction", {})
    api.call("DELETE", f"/webhooks/{webhook_id}", 204)


def ordered_messages(api: Api, recording: RecordingAws, receiver: str) -> None:
    """Let an ordered webhook's message wait for its retry."""
    webhook_id = f"{api.webhook_id}.ordered"
    webhook = f"/webhooks/{webhook_id}"
    own = mint(api.deployment.outputs["SigningKey"], webhooks=[f"{api.webhook_id}.*"])
    fields = {"url": f"{receiver}/status/500", "enabled": True, "ordered": True}
    api.call("PUT", webhook, 201, token=own, json=fields)
    api.deployment.enqueue_ordered(webhook_id, "m0")
    until(
        lambda: recording.of("SendWebhooksFunction"),
        lambda calls: any(c.action == "sqs:ChangeMessageVisibility" for c in calls),
    )
    api.call("DELETE", webhook, 204)


def log_old_failures(deployment: Deployment, webhook_id: str) -> None:
    """Record failures of three messages, including the one that is sent next."""
    now = datetime.now(UTC)
    first = now - timedelta(days=30)
    for at in (first, now - timedelta(days=15)):
        log_failure(deployment, webhook_id, at)
    aws.client("dynamodb").update_item(
        TableName=physical_id("Webhooks"),
        Key={"webhook_id": {"S": webhook_id}},
        UpdateExpression="SET failing_since = :at",
        ExpressionAttributeValues={":at": {"S": iso_time(compact_time(first))}},
    )


def log_failure(deployment: Deployment, webhook_id: str, at: datetime) -> str:
    """Log a failure without details, and return its execution ID."""
    executed_at = f"{compact_time(at)}-0000000a"
    own = {"webhook_id": webhook_id, "executed_at": executed_at, "message_id": f"{webhook_id}.{at:%j}"}
    texts = {**own, "failed_at": executed_at}
    numbers = {"attempt": "1", "result": "500", "duration_ms": "1", "expires_at": "4000000000"}
    item = {name: {"S": value} for name, value in texts.items()} | {n: {"N": value} for n, value in numbers.items()}
    aws.client("dynamodb").put_item(TableName=deployment.outputs["ExecutionsTable"], Item=item)
    return executed_at


def log_first_of_two_parts(deployment: Deployment, webhook_id: str, execution_id: str) -> None:
    """Log details of which the second part is missing."""
    item: Any = {"webhook_id": {"S": webhook_id}, "executed_at": {"S": execution_id}, "content": {"B": b""}}
    item |= {"parts": {"N": "2"}, "expires_at": {"N": "4000000000"}}
    aws.client("dynamodb").put_item(TableName=deployment.outputs["ExecutionDetailsTable"], Item=item)


def calls_of_lambda(function: str) -> set[Call]:
    """Return the calls that Lambda itself makes with the function's role."""
    lambdas, name = aws.lambdas(), physical_id(function)
    group = lambdas.get_function_configuration(FunctionName=name)["LoggingConfig"]["LogGroup"]
    logs = f"arn:aws:logs:{places.REGION}:000000000000:log-group:{group}:*"
    found = {Call(f"logs:{action}", logs) for action in ("CreateLogStream", "PutLogEvents")}
    for source in lambdas.list_event_source_mappings(FunctionName=name)["EventSourceMappings"]:
        service = source["EventSourceArn"].split(":")[2]
        found |= {Call(f"{service}:{action}", source["EventSourceArn"]) for action in POLLED_WITH[service]}
    return found


def granted(function: str) -> set[Call]:
    """Return every action and resource that the deployed role grants.

    A resource may be a pattern.
    """
    iam = aws.client("iam")
    role = aws.lambdas().get_function_configuration(FunctionName=physical_id(function))["Role"].rpartition("/")[2]
    assert iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"] == []
    found = set()
    for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
        for statement in iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]["Statement"]:
            assert statement["Effect"] == "Allow"
            for action in _listed(statement["Action"]):
                found |= {Call(action, resource) for resource in _listed(statement["Resource"])}
    return found


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def covers(grant: Call, call: Call) -> bool:
    return grant.action == call.action and fnmatchcase(call.resource, grant.resource)


@pytest.mark.parametrize("function", template.functions())
def test_a_role_grants_exactly_what_its_function_calls(recorder: RecordingAws, function: str) -> None:
    grants, calls = granted(function), recorder.of(function) | calls_of_lambda(function)
    unused = sorted(grant for grant in grants if not any(covers(grant, call) for call in calls))
    refused = sorted(call for call in calls if not any(covers(grant, call) for grant in grants))
    assert not unused, WHAT_TO_DO.format(function=function, unused=_lines(unused), refused=_lines(refused))
    assert not refused, WHAT_TO_DO.format(function=function, unused=_lines(unused), refused=_lines(refused))


def _lines(found: list[Call]) -> str:
    return "\n".join(f"  {call.action} on {call.resource}" for call in found) or "  nothing"
