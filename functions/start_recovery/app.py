"""POST /webhooks/{webhook_id}/recover: send everything again that failed since a moment."""

from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools import Logger

from hooklog.access.grants import Scope
from hooklog.api.answer import answer
from hooklog.api.request import Event, Request
from hooklog.aws import Clients, connect
from hooklog.sending import recovery
from hooklog.sending.locks import LockRow
from hooklog.settings import StartRecoverySettings

logger = Logger()
settings = StartRecoverySettings.from_environment()
connection = connect()
for row in (recovery.RecoveryRow, LockRow):
    row.attach(connection, settings.recoveries_table)
queue = recovery.RecoveryQueue(Clients(), settings.recovery_queue_url)


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001 - Lambda passes it
    return answer(event, start_recovery, settings.allowed_origin, logger, HTTPStatus.ACCEPTED)


def start_recovery(event: Event) -> Mapping[str, Any]:
    request = Request.parse(event)
    request.grant.require(Scope.EXECUTIONS_RESEND, request.webhook_id)
    since, until = request.period(datetime.now(UTC))
    return {"recovery_id": recovery.start(queue, request.webhook_id, since, until)}
