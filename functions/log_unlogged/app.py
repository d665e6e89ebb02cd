"""The function that makes pending log writes to DynamoDB."""

from hooklog.startup import end_startup

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
end_startup()


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001 - Lambda passes it
    """Write the items.

    Those that DynamoDB does not accept stay on the queue; erased ones are erased again.
    """
    puts, invalid_items = parse(event["Records"])
    unwritten = write(connection, sorted(puts, key=lambda put: put.table))
    left = [puts[put] for put in unwritten.puts] if unwritten else []
    written = [put.execution for put, message_id in puts.items() if message_id not in left]
    erased = erase_again(written)
    for message_id, reason in invalid_items.items():
        logger.error("invalid log write", event="log_write_invalid", queue_message_id=message_id, reason=reason)
    logger.info(
        "pending log writes",
        event="pending_writes_logged",
        written=len(written),
        left=len(left),
        erased=erased,
        cause=unwritten and unwritten.cause,
    )
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in [*left, *invalid_items]]}


def parse(records: Sequence[Mapping[str, Any]]) -> tuple[dict[Put, str], dict[str, str]]:
    """Parse the records.

    Returns items with their queue message IDs, and IDs of invalid messages with reasons.
    """
    puts: dict[Put, str] = {}
    invalid_items: dict[str, str] = {}
    for record in records:
        try:
            puts[from_body(record["body"])] = record["messageId"]
        except InvalidMessage as invalid:
            invalid_items[record["messageId"]] = str(invalid)
    return puts, invalid_items
