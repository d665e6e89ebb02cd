"""POST /webhooks/{webhook_id}/executions/{execution_id}/resend: send a logged execution again."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools import Logger

from hooklog.access.grants import Scope
from hooklog.api.answer import answer
from hooklog.api.request import Event, Request
from hooklog.aws import Clients, connect
from hooklog.executions.details import DetailsRow
from hooklog.executions.rows import ExecutionRow
from hooklog.queues.retry_tasks import RetryQueue
from hooklog.sending.resend import resend
from hooklog.settings import ResendSettings

logger = Logger()
settings = ResendSettings.from_environment()
connection = connect()
ExecutionRow.attach(connection, settings.executions_table)
DetailsRow.attach(connection, settings.execution_details_table)
retries = RetryQueue(Clients(), settings.queue_url)


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001 - Lambda passes it
    return answer(event, resend_execution, settings.allowed_origin, logger, HTTPStatus.ACCEPTED)


def resend_execution(event: Event) -> Mapping[str, Any]:
    request = Request.parse(event)
    request.grant.require(Scope.EXECUTIONS_RESEND, request.webhook_id)
    return {"message_id": resend(request.webhook_id, request.execution_id, retries)}
