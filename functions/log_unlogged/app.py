"""Writes to the log what DynamoDB did not take when it was due."""

from typing import Any

from aws_lambda_powertools import Logger

from hooklog.log import write
from hooklog.tables import connect
from hooklog.unlogged import from_body

logger = Logger()
connection = connect()


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001 - Lambda passes it
    """What DynamoDB still does not take stays on the queue."""
    puts = {from_body(record["body"]): record["messageId"] for record in event["Records"]}
    refused = write(connection, sorted(puts, key=lambda put: put.table))
    left = [puts[put] for put in refused.puts] if refused else []
    logger.info("unlogged items", written=len(puts) - len(left), left=len(left), cause=refused and refused.cause)
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in left]}
