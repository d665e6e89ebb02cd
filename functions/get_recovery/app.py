"""GET /webhooks/{webhook_id}/recover/{recovery_id}: how far a recovery has come."""

from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools import Logger

from hooklog.access.grants import Scope
from hooklog.api.answer import answer
from hooklog.api.request import Event, Request
from hooklog.aws import connect
from hooklog.sending import recovery
from hooklog.settings import GetRecoverySettings

logger = Logger()
settings = GetRecoverySettings.from_environment()
recovery.RecoveryRow.attach(connect(), settings.recoveries_table)


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001 - Lambda passes it
    return answer(event, get_recovery, settings.allowed_origin, logger)


def get_recovery(event: Event) -> Mapping[str, Any]:
    request = Request.parse(event)
    request.grant.require(Scope.EXECUTIONS_READ, request.webhook_id)
    return recovery.progress(request.webhook_id, request.recovery_id)
