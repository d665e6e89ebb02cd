"""GET /webhooks/{webhook_id}/executions/{execution_id}: one execution, with its details."""

from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools import Logger

from hooklog.access.grants import Scope
from hooklog.api.answer import answer
from hooklog.api.request import Event, Request
from hooklog.aws import connect
from hooklog.executions import history
from hooklog.executions.details import DetailsRow
from hooklog.executions.rows import ExecutionRow
from hooklog.settings import GetSettings
from hooklog.webhooks import registry
from hooklog.webhooks.rows import WebhookRow

logger = Logger()
settings = GetSettings.from_environment()
connection = connect()
ExecutionRow.attach(connection, settings.executions_table)
DetailsRow.attach(connection, settings.execution_details_table)
WebhookRow.attach(connection, settings.webhooks_table)


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001 - Lambda passes it
    return answer(event, get_execution, settings.allowed_origin, logger)


def get_execution(event: Event) -> Mapping[str, Any]:
    request = Request.parse(event)
    request.grant.require(Scope.EXECUTIONS_READ, request.webhook_id)
    sensitive = settings.sensitive_headers.joined_by(registry.sensitive_headers(request.webhook_id))
    return history.get_execution(request.webhook_id, request.execution_id, sensitive)
