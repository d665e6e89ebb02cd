"""The checks of `hooklog doctor`: one function each, listed in CHECKS."""

import io
import zipfile
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import requests

from cli.certificate_check import check_client_certificates
from cli.concurrency import OTHERS, UNRESERVED, Account, Demand, count_reserved, find_shortfall, quota_command
from cli.findings import CheckedStack, Finding, Status
from cli.network import check_network
from cli.queues import QUEUES

RECURSIVE: Final = ("SendWebhooksFunction", "RunRecoveryFunction")
"""The functions that send to their own event source: those with `RecursiveLoop: Allow` in template.yaml."""

LOG_TABLES: Final = ("Executions", "ExecutionDetails", "ExecutionCounts", "SeenWebhooks")
"""The tables that the parameter PointInTimeRecovery applies to."""

NEW_ALARM: Final = timedelta(minutes=30)
"""How long a new alarm may have no data. Once evaluated, each of ours treats missing data as OK."""

OLD_KEY: Final = timedelta(days=365)
_COMPLETE: Final = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE")
_DIRECTORY_BYTES: Final = 1_048_576
"""How much of the end of a layer's archive to read: its directory is there."""


def check_status(stack: CheckedStack) -> Finding:
    status = str(stack.description["StackStatus"])
    if status in _COMPLETE:
        return Finding(Status.OK, f"{status}, Stage={stack.stage}")
    events = f"aws cloudformation describe-stack-events --stack-name {stack.name}"
    if status == "UPDATE_ROLLBACK_COMPLETE":
        return Finding(Status.WARNING, "The last update was rolled back.", events)
    if status.endswith("_IN_PROGRESS"):
        return Finding(Status.WARNING, status, "Run hooklog doctor again when the update is complete.")
    return Finding(Status.FAILED, status, events)


def check_concurrency(stack: CheckedStack) -> Finding:
    lambdas = stack.client("lambda")
    account, demand = Account.read(lambdas), Demand.from_parameters(stack.parameters)
    found = (
        f"Quota {account.quota}, {account.unreserved} unreserved. The sender uses up to {demand.sender}; "
        f"{demand.reserved} are reserved for the API."
    )
    shortfall = find_shortfall(account, demand, own=count_reserved(stack.parameters))
    if not shortfall:
        return Finding(Status.OK, found)
    needed = demand.sender + OTHERS
    needs = f"The stack needs {max(needed, UNRESERVED) if demand.reserved else needed} unreserved."
    return Finding(Status.FAILED, f"{found} {needs}", quota_command(shortfall.quota, lambdas.meta.region_name))


def check_recursion(stack: CheckedStack) -> Finding:
    lambdas = stack.client("lambda")
    names = {each: stack.physical_id(each) for each in RECURSIVE}
    settings = {
        each: lambdas.get_function_recursion_config(FunctionName=name)["RecursiveLoop"] for each, name in names.items()
    }
    if stopped := [each for each, setting in settings.items() if setting != "Allow"]:
        commands = (
            f"aws lambda put-function-recursion-config --function-name {names[each]} --recursive-loop Allow"
            for each in stopped
        )
        found = f"Lambda stops {_join(stopped)} after about 16 loops. Topics, recoveries and late retries will fail."
        return Finding(Status.FAILED, found, "\n".join(commands))
    return Finding(Status.OK, "Allowed for the functions that send to their own queue.")


def check_event_sources(stack: CheckedStack) -> Finding:
    lambdas = stack.client("lambda")
    mappings = stack.ids_of_type("AWS::Lambda::EventSourceMapping")
    states = {name: lambdas.get_event_source_mapping(UUID=uuid)["State"] for name, uuid in mappings.items()}
    if off := [name for name, state in states.items() if state in ("Disabled", "Disabling")]:
        commands = (f"aws lambda update-event-source-mapping --uuid {mappings[name]} --enabled" for name in off)
        return Finding(Status.FAILED, f"Disabled: {_join(off)}. No function reads the queue.", "\n".join(commands))
    if changing := [f"{name} ({state})" for name, state in states.items() if state != "Enabled"]:
        return Finding(Status.WARNING, f"Not ready: {_join(changing)}.", "Run hooklog doctor again in a minute.")
    return Finding(Status.OK, f"All {len(states)} are enabled.")


def check_alarms(stack: CheckedStack) -> Finding:
    wanted = stack.ids_of_type("AWS::CloudWatch::Alarm")
    pages = stack.client("cloudwatch").get_paginator("describe_alarms").paginate(AlarmNames=sorted(wanted.values()))
    there = [alarm for page in pages for alarm in page["MetricAlarms"]]
    if deleted := sorted(set(wanted.values()) - {alarm["AlarmName"] for alarm in there}):
        return Finding(Status.FAILED, f"Deleted: {_join(deleted)}.", _advise_drift_check(stack))
    if raised := [alarm for alarm in there if alarm["StateValue"] == "ALARM"]:
        runbooks = "\n".join(f"{alarm['AlarmName']}: {alarm['AlarmDescription']}" for alarm in raised)
        return Finding(Status.WARNING, f"In alarm: {_join_names(raised)}.", runbooks)
    if muted := [alarm for alarm in there if not alarm["ActionsEnabled"]]:
        command = "aws cloudwatch enable-alarm-actions --alarm-names " + " ".join(each["AlarmName"] for each in muted)
        return Finding(Status.WARNING, f"Notifications are disabled: {_join_names(muted)}.", command)
    idle = [alarm for alarm in there if alarm["StateValue"] == "INSUFFICIENT_DATA"]
    if stale := [alarm for alarm in idle if stack.now - alarm["StateUpdatedTimestamp"] > NEW_ALARM]:
        advice = (
            "CloudWatch has not evaluated them since they were created. Compare their metrics with docs/operations.md."
        )
        return Finding(Status.WARNING, f"No data: {_join_names(stale)}.", advice)
    new = f" New, not evaluated yet: {len(idle)}." if idle else ""
    return Finding(Status.OK, f"None of {len(there)} is in alarm.{new}")


def check_alarm_subscribers(stack: CheckedStack) -> Finding:
    topic = stack.physical_id("Alarms")
    pages = stack.client("sns").get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic)
    subscriptions = [each for page in pages for each in page["Subscriptions"]]
    subscribe = f"aws sns subscribe --topic-arn {topic} --protocol email --notification-endpoint"
    if waiting := [each["Endpoint"] for each in subscriptions if each["SubscriptionArn"] == "PendingConfirmation"]:
        advice = f"Open the link in the email from AWS Notifications, or request a new one:\n{subscribe} {waiting[0]}"
        return Finding(Status.WARNING, f"Not confirmed: {_join(waiting)}.", advice)
    if not subscriptions:
        advice = f"Set AlarmEmail in samconfig.toml and deploy, or run:\n{subscribe} you@example.com"
        return Finding(Status.WARNING, "The alarm topic has no subscribers.", advice)
    return Finding(Status.OK, f"{len(subscriptions)} confirmed.")


def check_point_in_time_recovery(stack: CheckedStack) -> Finding:
    tables = stack.ids_of_type("AWS::DynamoDB::Table")
    optional = LOG_TABLES if stack.parameters.get("PointInTimeRecovery") == "false" else ()
    dynamodb = stack.client("dynamodb")
    wanted = {name: table for name, table in tables.items() if name not in optional}
    if off := [name for name, table in wanted.items() if not _is_restorable(dynamodb, table)]:
        commands = (
            f"aws dynamodb update-continuous-backups --table-name {tables[name]}"
            " --point-in-time-recovery-specification PointInTimeRecoveryEnabled=true"
            for name in off
        )
        return Finding(Status.FAILED, f"Off for {_join(off)}.", "\n".join(commands))
    without = " Off for the log, because PointInTimeRecovery=false." if optional else ""
    return Finding(Status.OK, f"On for {_join(wanted)}.{without}")


def _is_restorable(dynamodb: Any, table: str) -> bool:
    backups = dynamodb.describe_continuous_backups(TableName=table)["ContinuousBackupsDescription"]
    return bool(backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED")


def check_deletion_protection(stack: CheckedStack) -> Finding:
    if stack.stage != "production":
        return Finding(Status.OK, f"Off, because Stage={stack.stage}: deleting the stack deletes its tables.")
    tables = stack.ids_of_type("AWS::DynamoDB::Table")
    dynamodb = stack.client("dynamodb")
    described = {name: dynamodb.describe_table(TableName=table)["Table"] for name, table in tables.items()}
    if off := [name for name, table in described.items() if not table.get("DeletionProtectionEnabled")]:
        commands = (
            f"aws dynamodb update-table --table-name {tables[name]} --deletion-protection-enabled" for name in off
        )
        return Finding(Status.FAILED, f"Off for {_join(off)}.", "\n".join(commands))
    return Finding(Status.OK, f"On for all {len(tables)} tables.")


def check_dead_letters(stack: CheckedStack) -> Finding:
    sqs, outputs = stack.client("sqs"), stack.outputs
    counts = {name: _count_messages(sqs, outputs[url]) for name, (_, url, _) in QUEUES.items() if url in outputs}
    if there := {name: count for name, count in counts.items() if count}:
        found = _join(f"{name}: {count}" for name, count in there.items())
        option = "" if stack.is_local else f" --stack {stack.name}"
        redrive = "\n".join(f"hooklog redrive {name}{option}" for name in there)
        return Finding(
            Status.WARNING, f"{found}.", f"Read their Reason (docs/operations.md#dead-letters), then run:\n{redrive}"
        )
    return Finding(Status.OK, f"None in {len(counts)} queues.")


def _count_messages(sqs: Any, queue_url: str) -> int:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=names)["Attributes"]
    return sum(int(found.get(name, 0)) for name in names)


def check_layer_bytecode(stack: CheckedStack) -> Finding:
    lambdas = stack.client("lambda")
    function = lambdas.get_function_configuration(FunctionName=stack.physical_id("SendWebhooksFunction"))
    layers = [lambdas.get_layer_version_by_arn(Arn=layer["Arn"]) for layer in function.get("Layers", [])]
    try:
        files = [name for layer in layers for name in _list_files(stack, layer["Content"]["Location"])]
    except (requests.RequestException, zipfile.BadZipFile) as error:
        return Finding(Status.UNKNOWN, f"The layer could not be read: {type(error).__name__}.")
    # The local AWS runs functions on the developer's Python, which the layer is compiled for.
    runtime = "" if stack.is_emulated else function["Runtime"].removeprefix("python").replace(".", "")
    sources = sum(name.endswith(".py") for name in files)
    compiled = sum(name.endswith(".pyc") and f".cpython-{runtime}" in name for name in files)
    found = f"{compiled} of {sources} modules are compiled"
    if compiled < sources / 2:
        advice = "Install Python 3.13 to compile the layer, and deploy:\n.venv/bin/uv python install 3.13\nmake deploy"
        return Finding(Status.WARNING, f"{found}: each cold start takes more than twice the CPU.", advice)
    return Finding(Status.OK, f"{found}.")


def _list_files(stack: CheckedStack, location: str) -> list[str]:
    """List the files in a layer's archive.

    Reads only its end if the server supports ranges.
    """
    with requests.Session() as session:
        session.trust_env = not stack.is_local
        response = session.get(location, headers={"Range": f"bytes=-{_DIRECTORY_BYTES}"}, timeout=(5, 60))
        response.raise_for_status()
        return zipfile.ZipFile(io.BytesIO(response.content)).namelist()


def check_signing_key(stack: CheckedStack) -> Finding:
    secret = stack.client("secretsmanager").describe_secret(SecretId=stack.outputs["SigningKeySecret"])
    changed: datetime = secret.get("LastChangedDate") or secret["CreatedDate"]
    age = stack.now - changed
    found = f"Changed {age.days} days ago." if age.days else "Changed today."
    if age > OLD_KEY:
        return Finding(Status.WARNING, found, "Rotate it: docs/operations.md#rotate-the-signing-key")
    return Finding(Status.OK, found)


def check_drift(stack: CheckedStack) -> Finding:
    known = stack.description.get("DriftInformation", {})
    status, at = known.get("StackDriftStatus", "NOT_CHECKED"), known.get("LastCheckTimestamp")
    when = f" on {at:%Y-%m-%d}" if at else ""
    if status == "DRIFTED":
        command = (
            f"aws cloudformation describe-stack-resource-drifts --stack-name {stack.name}"
            " --stack-resource-drift-status-filters MODIFIED DELETED"
        )
        return Finding(Status.WARNING, f"Resources differed from the template at the last check{when}.", command)
    if status == "IN_SYNC":
        return Finding(Status.OK, f"None at the last check{when}.")
    return Finding(Status.UNKNOWN, "Not checked yet.", _advise_drift_check(stack))


def _advise_drift_check(stack: CheckedStack) -> str:
    advice = "Start a check, and run hooklog doctor again after a few minutes:"
    return f"{advice}\naws cloudformation detect-stack-drift --stack-name {stack.name}"


def _join(names: Iterable[str]) -> str:
    return ", ".join(names)


def _join_names(alarms: Iterable[Any]) -> str:
    return _join(alarm["AlarmName"] for alarm in alarms)


class Check(NamedTuple):
    """One check of a stack."""

    name: str
    run: Callable[[CheckedStack], Finding]
    is_aws_only: bool = False
    """Whether the local AWS lacks what is checked."""


CHECKS: Final = (
    Check("stack", check_status),
    Check("concurrency", check_concurrency, is_aws_only=True),
    Check("recursion", check_recursion, is_aws_only=True),
    Check("event sources", check_event_sources),
    Check("network", check_network, is_aws_only=True),
    Check("alarms", check_alarms, is_aws_only=True),
    Check("alarm subscribers", check_alarm_subscribers, is_aws_only=True),
    Check("point-in-time recovery", check_point_in_time_recovery, is_aws_only=True),
    Check("deletion protection", check_deletion_protection),
    Check("dead letters", check_dead_letters),
    Check("client certificates", check_client_certificates),
    Check("layer bytecode", check_layer_bytecode),
    Check("signing key", check_signing_key),
    Check("drift", check_drift, is_aws_only=True),
)
