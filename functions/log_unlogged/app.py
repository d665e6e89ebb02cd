"""Writes to the log what DynamoDB did not take when it was due."""

from collections.abc import Mapping, Sequence
from typing import Any

from aws_lambda_powertools import Logger

from hooklog.aws import connect_dynamodb
from hooklog.errors import InvalidMessage
from hooklog.executions.details import DetailsRow
from hooklog.executions.erasure import erase_again
from hooklog.executions.log import Put, write
from hooklog.executions.rows import ExecutionRow
from hooklog.queues.pending import from_body
from hooklog.settings import LogUnloggedSettings

logger = Logger()
settings = LogUnloggedSettings.from_environment()
connection = connect_dynamodb()
ExecutionRow.attach(connection, settings.executions_table)
DetailsRow.attach(connection, settings.execution_details_table)


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001 - Lambda passes it
    """What DynamoDB still does not take stays on the queue. What was erased while it waited there is erased again."""
    puts, unreadable = read(event["Records"])
    refused = write(connection, sorted(puts, key=lambda put: put.table))
    left = [puts[put] for put in refused.puts] if refused else []
    written = [put.execution for put, message_id in puts.items() if message_id not in left]
    erased = erase_again(written)
    for message_id, reason in unreadable.items():
        logger.error("not an item", event="log_write_invalid", queue_message_id=message_id, reason=reason)
    logger.info(
        "unlogged items",
        event="pending_writes_logged",
        written=len(written),
        left=len(left),
        erased=erased,
        cause=refused and refused.cause,
    )
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in [*left, *unreadable]]}


def read(records: Sequence[Mapping[str, Any]]) -> tuple[dict[Put, str], dict[str, str]]:
    """The items, each with its queue message id, and by that id the reason why something is none."""
    puts: dict[Put, str] = {}
    unreadable: dict[str, str] = {}
    for record in records:
        try:
            puts[from_body(record["body"])] = record["messageId"]
        except InvalidMessage as invalid:
            unreadable[record["messageId"]] = str(invalid)
    return puts, unreadable
