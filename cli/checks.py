"""What `hooklog doctor` checks of a stack, one small function each; CHECKS is the list."""

import io
import zipfile
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import requests

from cli.again import DEAD_LETTERS
from cli.concurrency import OTHERS, UNRESERVED, Account, Demand, raise_command, reserved, shortfall
from cli.findings import Finding, Status, Subject

RECURSIVE: Final = ("SendWebhooksFunction", "RunRecoveryFunction")
"""The functions that send to their own event source, as template.yaml has them."""

LOG_TABLES: Final = ("Executions", "ExecutionDetails")
"""Those for which PointInTimeRecovery decides."""

NEW_ALARM: Final = timedelta(minutes=30)
"""How long an alarm may have no data: every one of ours takes missing data for good news as soon as it is evaluated."""

OLD_KEY: Final = timedelta(days=365)
_SETTLED: Final = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE")
_DIRECTORY_BYTES: Final = 1_048_576
"""The end of a layer's archive, which lists its files."""


def stack_status(subject: Subject) -> Finding:
    status = str(subject.description["StackStatus"])
    if status in _SETTLED:
        return Finding(Status.OK, f"{status}, Stage={subject.stage}")
    events = f"aws cloudformation describe-stack-events --stack-name {subject.stack.name}"
    if status == "UPDATE_ROLLBACK_COMPLETE":
        return Finding(Status.WARNING, "The last update was undone.", events)
    if status.endswith("_IN_PROGRESS"):
        return Finding(Status.WARNING, status, "Run hooklog doctor again when it is done.")
    return Finding(Status.FAILED, status, events)


def concurrency(subject: Subject) -> Finding:
    lambdas = subject.client("lambda")
    account, demand = Account.of(lambdas), Demand.of(subject.parameters)
    found = (
        f"Quota {account.quota}, unreserved {account.unreserved}. The sender may take {demand.sender}; "
        f"{demand.reserved} are reserved for the API."
    )
    lacking = shortfall(account, demand, own=reserved(subject.parameters))
    if not lacking:
        return Finding(Status.OK, found)
    needs = f"It needs {demand.sender + OTHERS} unreserved" + (f", at least {UNRESERVED}." if demand.reserved else ".")
    return Finding(Status.FAILED, f"{found} {needs}", raise_command(lacking.quota, lambdas.meta.region_name))


def recursion(subject: Subject) -> Finding:
    lambdas = subject.client("lambda")
    names = {each: subject.physical(each) for each in RECURSIVE}
    settings = {
        each: lambdas.get_function_recursion_config(FunctionName=name)["RecursiveLoop"] for each, name in names.items()
    }
    if ended := [each for each, setting in settings.items() if setting != "Allow"]:
        commands = (
            f"aws lambda put-function-recursion-config --function-name {names[each]} --recursive-loop Allow"
            for each in ended
        )
        found = f"Lambda ends {_listed(ended)} after 16 trips: topics, recoveries and late retries stop."
        return Finding(Status.FAILED, found, "\n".join(commands))
    return Finding(Status.OK, "Allowed where Hooklog sends to its own queue.")


def event_sources(subject: Subject) -> Finding:
    lambdas = subject.client("lambda")
    mappings = subject.of_type("AWS::Lambda::EventSourceMapping")
    states = {name: lambdas.get_event_source_mapping(UUID=uuid)["State"] for name, uuid in mappings.items()}
    if off := [name for name, state in states.items() if state in ("Disabled", "Disabling")]:
        commands = (f"aws lambda update-event-source-mapping --uuid {mappings[name]} --enabled" for name in off)
        return Finding(Status.FAILED, f"Switched off: {_listed(off)}. Its queue is not read.", "\n".join(commands))
    if changing := [f"{name} ({state})" for name, state in states.items() if state != "Enabled"]:
        return Finding(Status.WARNING, f"Not ready: {_listed(changing)}.", "Run hooklog doctor again in a minute.")
    return Finding(Status.OK, f"All {len(states)} queues are read.")


def alarms(subject: Subject) -> Finding:
    wanted = subject.of_type("AWS::CloudWatch::Alarm")
    pages = subject.client("cloudwatch").get_paginator("describe_alarms").paginate(AlarmNames=sorted(wanted.values()))
    there = [alarm for page in pages for alarm in page["MetricAlarms"]]
    if gone := sorted(set(wanted.values()) - {alarm["AlarmName"] for alarm in there}):
        return Finding(Status.FAILED, f"Deleted: {_listed(gone)}.", _ask_for_drift(subject))
    if raised := [alarm for alarm in there if alarm["StateValue"] == "ALARM"]:
        runbooks = "\n".join(f"{alarm['AlarmName']}: {alarm['AlarmDescription']}" for alarm in raised)
        return Finding(Status.WARNING, f"Raised: {_names(raised)}.", runbooks)
    if muted := [alarm for alarm in there if not alarm["ActionsEnabled"]]:
        command = "aws cloudwatch enable-alarm-actions --alarm-names " + " ".join(each["AlarmName"] for each in muted)
        return Finding(Status.WARNING, f"Told to nobody: {_names(muted)}.", command)
    idle = [alarm for alarm in there if alarm["StateValue"] == "INSUFFICIENT_DATA"]
    if stale := [alarm for alarm in idle if subject.now - alarm["StateUpdatedTimestamp"] > NEW_ALARM]:
        advice = (
            "CloudWatch has not evaluated them since they were made. Compare their metrics with docs/operations.md."
        )
        return Finding(Status.WARNING, f"Without data: {_names(stale)}.", advice)
    new = f"; new and not evaluated yet: {len(idle)}" if idle else ""
    return Finding(Status.OK, f"None of {len(there)} is raised{new}.")


def alarm_subscribers(subject: Subject) -> Finding:
    topic = subject.physical("Alarms")
    pages = subject.client("sns").get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic)
    subscriptions = [each for page in pages for each in page["Subscriptions"]]
    subscribe = f"aws sns subscribe --topic-arn {topic} --protocol email --notification-endpoint"
    if waiting := [each["Endpoint"] for each in subscriptions if each["SubscriptionArn"] == "PendingConfirmation"]:
        advice = f"Open the link in the mail from AWS Notifications, or have it sent again:\n{subscribe} {waiting[0]}"
        return Finding(Status.WARNING, f"Not confirmed: {_listed(waiting)}.", advice)
    if not subscriptions:
        advice = f"Set AlarmEmail in samconfig.toml and deploy, or:\n{subscribe} you@example.com"
        return Finding(Status.WARNING, "Nobody is told of alarms.", advice)
    return Finding(Status.OK, f"{len(subscriptions)} confirmed.")


def point_in_time_recovery(subject: Subject) -> Finding:
    tables = subject.of_type("AWS::DynamoDB::Table")
    optional = LOG_TABLES if subject.parameters.get("PointInTimeRecovery") == "false" else ()
    dynamodb = subject.client("dynamodb")
    wanted = {name: table for name, table in tables.items() if name not in optional}
    if off := [name for name, table in wanted.items() if not _can_be_restored(dynamodb, table)]:
        commands = (
            f"aws dynamodb update-continuous-backups --table-name {tables[name]}"
            " --point-in-time-recovery-specification PointInTimeRecoveryEnabled=true"
            for name in off
        )
        return Finding(Status.FAILED, f"Off for {_listed(off)}.", "\n".join(commands))
    without = "; not the log, as PointInTimeRecovery=false has it" if optional else ""
    return Finding(Status.OK, f"On for {_listed(wanted)}{without}.")


def _can_be_restored(dynamodb: Any, table: str) -> bool:
    backups = dynamodb.describe_continuous_backups(TableName=table)["ContinuousBackupsDescription"]
    return bool(backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED")


def deletion_protection(subject: Subject) -> Finding:
    if subject.stage != "production":
        return Finding(Status.OK, f"None, as Stage={subject.stage} has it: the tables go with the stack.")
    tables = subject.of_type("AWS::DynamoDB::Table")
    dynamodb = subject.client("dynamodb")
    described = {name: dynamodb.describe_table(TableName=table)["Table"] for name, table in tables.items()}
    if off := [name for name, table in described.items() if not table.get("DeletionProtectionEnabled")]:
        commands = (
            f"aws dynamodb update-table --table-name {tables[name]} --deletion-protection-enabled" for name in off
        )
        return Finding(Status.FAILED, f"Off for {_listed(off)}.", "\n".join(commands))
    return Finding(Status.OK, f"On for all {len(tables)} tables.")


def dead_letters(subject: Subject) -> Finding:
    sqs, outputs = subject.client("sqs"), subject.stack.outputs
    counts = {name: _waiting(sqs, outputs[url]) for name, (_, url, _) in DEAD_LETTERS.items() if url in outputs}
    if there := {name: count for name, count in counts.items() if count}:
        found = _listed(f"{name}: {count}" for name, count in there.items())
        option = "" if subject.stack.is_local else f" --stack {subject.stack.name}"
        redrive = "\n".join(f"hooklog redrive {name}{option}" for name in there)
        return Finding(
            Status.WARNING, f"{found}.", f"Read their Reason (docs/operations.md#dead-letters), then:\n{redrive}"
        )
    return Finding(Status.OK, f"None on {len(counts)} queues.")


def _waiting(sqs: Any, queue_url: str) -> int:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=names)["Attributes"]
    return sum(int(found.get(name, 0)) for name in names)


def layer_bytecode(subject: Subject) -> Finding:
    lambdas = subject.client("lambda")
    function = lambdas.get_function_configuration(FunctionName=subject.physical("SendWebhooksFunction"))
    layers = [lambdas.get_layer_version_by_arn(Arn=layer["Arn"]) for layer in function.get("Layers", [])]
    try:
        files = [name for layer in layers for name in _files(subject, layer["Content"]["Location"])]
    except (requests.RequestException, zipfile.BadZipFile) as error:
        return Finding(Status.UNKNOWN, f"The layer cannot be read: {type(error).__name__}.")
    # The local AWS runs functions on the developer's Python, and has the layer compiled for it.
    runtime = "" if subject.is_emulated else function["Runtime"].removeprefix("python").replace(".", "")
    sources = sum(name.endswith(".py") for name in files)
    compiled = sum(name.endswith(".pyc") and f".cpython-{runtime}" in name for name in files)
    found = f"{compiled} of {sources} modules are compiled"
    if compiled < sources / 2:
        advice = "Deploy with a Python 3.13 to compile it:\n.venv/bin/uv python install 3.13\nmake deploy"
        return Finding(Status.WARNING, f"{found}: each cold start takes more than twice the CPU.", advice)
    return Finding(Status.OK, f"{found}.")


def _files(subject: Subject, location: str) -> list[str]:
    """The names in a layer's archive, read from its end only where the server allows it."""
    with requests.Session() as session:
        session.trust_env = not subject.stack.is_local
        response = session.get(location, headers={"Range": f"bytes=-{_DIRECTORY_BYTES}"}, timeout=(5, 60))
        response.raise_for_status()
        return zipfile.ZipFile(io.BytesIO(response.content)).namelist()


def signing_key(subject: Subject) -> Finding:
    secret = subject.client("secretsmanager").describe_secret(SecretId=subject.stack.outputs["SigningKeySecret"])
    changed: datetime = secret.get("LastChangedDate") or secret["CreatedDate"]
    age = subject.now - changed
    found = f"Changed {age.days} days ago." if age.days else "Changed today."
    if age > OLD_KEY:
        return Finding(Status.WARNING, found, "Rotate it: docs/operations.md#rotate-it")
    return Finding(Status.OK, found)


def drift(subject: Subject) -> Finding:
    known = subject.description.get("DriftInformation", {})
    status, at = known.get("StackDriftStatus", "NOT_CHECKED"), known.get("LastCheckTimestamp")
    when = f" on {at:%Y-%m-%d}" if at else ""
    if status == "DRIFTED":
        command = (
            f"aws cloudformation describe-stack-resource-drifts --stack-name {subject.stack.name}"
            " --stack-resource-drift-status-filters MODIFIED DELETED"
        )
        return Finding(
            Status.WARNING, f"Resources differed from the template when CloudFormation looked{when}.", command
        )
    if status == "IN_SYNC":
        return Finding(Status.OK, f"None when CloudFormation looked{when}.")
    return Finding(Status.UNKNOWN, "CloudFormation has not been asked to look.", _ask_for_drift(subject))


def _ask_for_drift(subject: Subject) -> str:
    again = "Ask it to, and run hooklog doctor again after a few minutes:"
    return f"{again}\naws cloudformation detect-stack-drift --stack-name {subject.stack.name}"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)


def _names(found: Iterable[Any]) -> str:
    return _listed(alarm["AlarmName"] for alarm in found)


class Check(NamedTuple):
    """Something that is checked of every stack."""

    name: str
    find: Callable[[Subject], Finding]
    on_aws: bool = False
    """Whether the local AWS has nothing of it."""


CHECKS: Final = (
    Check("stack", stack_status),
    Check("concurrency", concurrency, on_aws=True),
    Check("recursion", recursion, on_aws=True),
    Check("event sources", event_sources),
    Check("alarms", alarms, on_aws=True),
    Check("alarm subscribers", alarm_subscribers, on_aws=True),
    Check("point-in-time recovery", point_in_time_recovery, on_aws=True),
    Check("deletion protection", deletion_protection),
    Check("dead letters", dead_letters),
    Check("layer bytecode", layer_bytecode),
    Check("signing key", signing_key),
    Check("drift", drift, on_aws=True),
)
