"""Queues and their consumers: dead letters, alarms, recursive invocations."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from hooklog.queues.ordered_queue import MAX_HOLD_SECONDS
from hooklog.sending.ordered import RETRY_DAYS
from hooklog.webhooks.retry import JITTER, LONGEST_DELAY_SECONDS, MAX_RETRIES
from tests import template

DAY = 86_400
QUEUES = template.resources("AWS::SQS::Queue")
FUNCTIONS = template.functions()
ALARMS = template.resources("AWS::CloudWatch::Alarm")
KINDS = {"SQS": "Queue", "SNS": "Topic", "S3": "Bucket"}
"""Event types that Lambda's loop detection covers, with the property that names the source."""

DISPATCHED = {"sqs:SendMessage", "sns:Publish", "s3:PutObject", "lambda:InvokeFunction"}
"""The actions with which a function writes to such a source."""


def sources_of(function: str) -> set[str]:
    """Return the queues, topics and buckets that invoke a function."""
    events = FUNCTIONS[function].get("Events", {}).values()
    mappings = template.resources("AWS::Lambda::EventSourceMapping").values()
    sources = [event["Properties"].get(KINDS.get(event["Type"], "")) for event in events]
    sources += [mapping["EventSourceArn"] for mapping in mappings if function in referenced_in(mapping["FunctionName"])]
    return {name for source in sources if source for name in referenced_in(source)}


def referenced_in(value: Any) -> Iterator[str]:
    """Yield the logical IDs that a value refers to."""
    match value:
        case {"Ref": name} | {"Fn::GetAtt": [name, *_]}:
            # a Ref may name a resource that SAM generates: `SendWebhooksFunction.Alias`
            yield str(name).partition(".")[0]
        case {"Fn::Sub": text}:
            yield from (name for name in template.TEMPLATE["Resources"] if f"${{{name}" in text)
        case dict() | list():
            for member in value.values() if isinstance(value, dict) else value:
                yield from referenced_in(member)


def targets_of(function: str) -> set[str]:
    """Return what a function may write to, with its role or a role that it passes."""
    return set(_writable(referenced_in(FUNCTIONS[function]["Role"])))


def _writable(roles: Iterator[str]) -> Iterator[str]:
    for role in roles:
        for policy in template.resources("AWS::IAM::Role")[role]["Policies"]:
            for statement in policy["PolicyDocument"]["Statement"]:
                actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
                if DISPATCHED & {*actions}:
                    yield from referenced_in(statement["Resource"])
                if "iam:PassRole" in actions:
                    yield from _writable(referenced_in(statement["Resource"]))


WORKERS = {function: found for function in FUNCTIONS if (found := sources_of(function) & QUEUES.keys())}
SOURCES = sorted({queue for queues in WORKERS.values() for queue in queues})


def invoked_by_itself() -> set[str]:
    """Return the functions whose output may invoke them, directly or via others."""
    leads_to = {
        function: {other for other in FUNCTIONS if targets_of(function) & ({other} | sources_of(other))}
        for function in FUNCTIONS
    }
    return {function for function in FUNCTIONS if function in _reached(leads_to, function)}


def _reached(leads_to: Mapping[str, set[str]], start: str) -> set[str]:
    found: set[str] = set()
    waiting = [start]
    while waiting:
        for other in leads_to[waiting.pop()] - found:
            found.add(other)
            waiting.append(other)
    return found


def dead_letters_of(queue: str) -> str:
    (name,) = referenced_in(QUEUES[queue]["RedrivePolicy"]["deadLetterTargetArn"])
    return name


def alarmed(metric: str) -> set[str]:
    """Return the resources whose metric of this name has an alarm."""
    found: set[str] = set()
    for alarm in ALARMS.values():
        stats = [query["MetricStat"]["Metric"] for query in alarm.get("Metrics", []) if "MetricStat" in query]
        for each in stats or [alarm]:
            if each["MetricName"] == metric:
                found |= set(referenced_in(each["Dimensions"]))
    return found


def test_the_template_has_workers() -> None:
    assert WORKERS.keys() == {"SendWebhooksFunction", "LogUnloggedFunction", "RunRecoveryFunction"}
    assert SOURCES == ["OrderedQueue", "RecoveryQueue", "UnloggedExecutions", "WebhookQueue"]


@pytest.mark.parametrize("queue", SOURCES)
def test_every_worker_queue_has_a_dead_letter_queue(queue: str) -> None:
    letters = QUEUES[dead_letters_of(queue)]
    assert "RedrivePolicy" not in letters
    assert dead_letters_of(queue) not in SOURCES
    assert 1 <= QUEUES[queue]["RedrivePolicy"]["maxReceiveCount"] <= 1000
    assert letters.get("MaximumMessageSize") == QUEUES[queue].get("MaximumMessageSize")


def test_each_queue_has_its_own_dead_letter_queue() -> None:
    """A redrive moves all letters of a dead-letter queue to one queue."""
    assert len({dead_letters_of(queue) for queue in SOURCES}) == len(SOURCES)


@pytest.mark.parametrize("queue", SOURCES)
def test_dead_letters_outlive_their_queue_by_four_days(queue: str) -> None:
    """SQS counts a message's age from its first enqueuing, or in a FIFO queue from its move; the limit is 14 days."""
    retention, dead_retention = (
        QUEUES[queue]["MessageRetentionPeriod"],
        QUEUES[dead_letters_of(queue)]["MessageRetentionPeriod"],
    )
    age_at_move = 0 if QUEUES[queue].get("FifoQueue") else retention
    assert age_at_move + 4 * DAY <= dead_retention <= 14 * DAY


@pytest.mark.parametrize("queue", ["UnloggedExecutions", "RecoveryQueue"])
def test_an_outage_of_a_day_moves_nothing_to_the_dlq(queue: str) -> None:
    receipts = QUEUES[queue]["RedrivePolicy"]["maxReceiveCount"]
    assert receipts * QUEUES[queue]["VisibilityTimeout"] >= (2 if queue == "UnloggedExecutions" else 1) * DAY


def test_scheduler_may_only_send_to_the_queue_and_its_dlq() -> None:
    """Schedules call SendMessage, which can set the message group."""
    role = template.resources("AWS::IAM::Role")["RetriesRole"]
    (assumes,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert assumes["Principal"] == {"Service": "scheduler.amazonaws.com"}
    assert assumes["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
    (policy,) = role["Policies"]
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Action"]) == ("Allow", "sqs:SendMessage")
    assert list(referenced_in(statement["Resource"])) == ["WebhookQueue", "WebhookDeadLetterQueue"]


def test_the_schedule_may_only_invoke_its_function() -> None:
    """It runs every few minutes, so a run that fails is not repeated."""
    (schedule,) = template.resources("AWS::Scheduler::Schedule").values()
    target = schedule["Target"]
    assert (schedule["ScheduleExpression"], target["RetryPolicy"]) == ("rate(5 minutes)", {"MaximumRetryAttempts": 0})
    roles = template.resources("AWS::IAM::Role")
    role = roles[target["RoleArn"]["Fn::GetAtt"][0]]
    assert role["AssumeRolePolicyDocument"] == roles["RetriesRole"]["AssumeRolePolicyDocument"]
    (policy,) = role["Policies"]
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert statement == {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": target["Arn"]}


def test_the_sender_may_pass_its_retry_role_only_to_scheduler() -> None:
    passed = [
        (role, statement)
        for role, properties in template.resources("AWS::IAM::Role").items()
        for policy in properties.get("Policies", [])
        for statement in policy["PolicyDocument"]["Statement"]
        if "iam:PassRole" in str(statement["Action"])
    ]
    ((role, statement),) = passed
    assert role == "SendWebhooksRole"
    assert statement["Resource"] == {"Fn::GetAtt": ["RetriesRole", "Arn"]}
    assert statement["Condition"] == {"StringEquals": {"iam:PassedToService": "scheduler.amazonaws.com"}}


def mapping_of(queue: str) -> Mapping[str, Any]:
    """Return the properties of the event or mapping that reads a queue."""
    events = [event["Properties"] for each in FUNCTIONS.values() for event in each.get("Events", {}).values()]
    mappings = [*template.resources("AWS::Lambda::EventSourceMapping").values(), *events]
    found: Mapping[str, Any]
    (found,) = (each for each in mappings if queue in referenced_in([each.get("EventSourceArn"), each.get("Queue")]))
    return found


@pytest.mark.parametrize("queue", SOURCES)
def test_only_the_failed_messages_of_a_batch_are_redelivered(queue: str) -> None:
    """Without ReportBatchItemFailures, Lambda ignores the reported failures."""
    mapping = mapping_of(queue)
    is_single = mapping["BatchSize"] == 1
    assert mapping.get("FunctionResponseTypes", []) == ([] if is_single else ["ReportBatchItemFailures"])
    assert is_single == (queue == "RecoveryQueue")
    assert mapping.get("Enabled", True) is True
    assert template.default(mapping["ScalingConfig"]["MaximumConcurrency"]) >= 2


def test_every_worker_has_an_alarm_on_errors() -> None:
    assert alarmed("Errors") >= WORKERS.keys()


def test_every_worker_has_an_alarm_on_throttles() -> None:
    """Throttles are not errors, and the queue's age omits often received messages.

    The backlog's alarm sees each pending log write, however often it was received.
    """
    assert alarmed("Throttles") >= WORKERS.keys() - {"LogUnloggedFunction"}
    assert "UnloggedExecutions" in alarmed("ApproximateNumberOfMessagesNotVisible")


def test_every_queue_has_an_alarm_on_age_or_on_any_message() -> None:
    waiting = alarmed("ApproximateNumberOfMessagesVisible") & alarmed("ApproximateNumberOfMessagesNotVisible")
    assert waiting == {"UnloggedExecutions"}
    assert alarmed("ApproximateAgeOfOldestMessage") | waiting == QUEUES.keys()


def test_every_dead_letter_queue_has_an_alarm() -> None:
    assert alarmed("ApproximateNumberOfMessagesVisible") >= {dead_letters_of(queue) for queue in SOURCES}


def test_an_alarm_is_raised_before_dead_letters_expire() -> None:
    """A message moved to the DLQ on its queue's last day has four days left."""
    spare = min(
        QUEUES[dead_letters_of(queue)]["MessageRetentionPeriod"] - QUEUES[queue]["MessageRetentionPeriod"]
        for queue in SOURCES
        if not QUEUES[queue].get("FifoQueue")
    )
    assert ALARMS["DeadLettersExpire"]["Threshold"] <= spare - DAY
    assert ALARMS["OrderedDeadLettersExpire"]["Threshold"] <= 14 * DAY - 4 * DAY


def test_an_ordered_message_may_be_delivered_with_each_attempt_of_those_before_it() -> None:
    """Nine others and itself, each with the longest schedule and with waits of the longest jitter."""
    waits = MAX_RETRIES * math.ceil(LONGEST_DELAY_SECONDS * (1 + JITTER) / MAX_HOLD_SECONDS)
    batch = mapping_of("OrderedQueue")["BatchSize"]
    assert (1 + waits) * batch < QUEUES["OrderedQueue"]["RedrivePolicy"]["maxReceiveCount"]


def test_ordered_messages_outlive_their_last_retry_and_an_alarm_comes_before() -> None:
    """Messages behind one that is retried for as long as possible are then sent within days."""
    last_retry = RETRY_DAYS * DAY
    assert last_retry + 4 * DAY <= QUEUES["OrderedQueue"]["MessageRetentionPeriod"]
    assert ALARMS["OldestOrdered"]["Threshold"] <= last_retry - 2 * DAY


def test_an_alarm_comes_before_waiting_messages_block_other_webhooks() -> None:
    """SQS looks for message groups among the first 120,000 messages of a FIFO queue."""
    assert ALARMS["OrderedBacklog"]["Threshold"] <= 120_000 / 2


def test_functions_that_invoke_themselves_allow_recursive_loops() -> None:
    """Lambda would stop them after about 16 loops."""
    allowed = {name for name, properties in FUNCTIONS.items() if properties.get("RecursiveLoop") == "Allow"}
    assert allowed == invoked_by_itself() == {"SendWebhooksFunction", "RunRecoveryFunction"}


def test_an_alarm_is_raised_when_lambda_stops_a_loop() -> None:
    assert alarmed("RecursiveInvocationsDropped") == invoked_by_itself()
