"""The function that resends executions and starts recoveries."""

from hooklog.startup import end_startup

from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools import Logger

from hooklog.api.request import Request
from hooklog.api.response import Handler, Response, respond
from hooklog.aws import Clients, connect_dynamodb
from hooklog.executions.details import DetailsRow
from hooklog.executions.rows import ExecutionRow
from hooklog.queues.retry_tasks import RetryQueue
from hooklog.sending import recovery
from hooklog.sending.locks import LockRow
from hooklog.sending.resend import resend
from hooklog.settings import ResendSettings

logger = Logger()
settings = ResendSettings.from_environment()
connection, clients = connect_dynamodb(), Clients()
ExecutionRow.attach(connection, settings.executions_table)
DetailsRow.attach(connection, settings.execution_details_table)
for row in (recovery.RecoveryRow, LockRow):
    row.attach(connection, settings.recoveries_table)
retries = RetryQueue(clients, settings.queue_url)
recoveries = recovery.RecoveryQueue(clients, settings.recovery_queue_url)
end_startup()


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001 - Lambda passes it
    return respond(event, HANDLERS, settings.allowed_origins, logger)


def resend_execution(request: Request) -> Response:
    message_id = resend(request.webhook_id, request.execution_id, retries)
    return Response(HTTPStatus.ACCEPTED, {"message_id": message_id})


def start_recovery(request: Request) -> Response:
    selection, dry_run = request.recovery(datetime.now(UTC))
    recovery_id = recovery.start(recoveries, request.webhook_id, selection, dry_run=dry_run)
    return Response(HTTPStatus.ACCEPTED, {"recovery_id": recovery_id})


HANDLERS: Mapping[str, Handler] = {each.__name__: each for each in (resend_execution, start_recovery)}
