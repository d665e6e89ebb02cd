"""DELETE /webhooks/{webhook_id}/executions/{execution_id}/details: erase one execution's headers and bodies."""

from typing import Any

from aws_lambda_powertools import Logger

from hooklog.access.grants import Scope
from hooklog.api.answer import answer
from hooklog.api.request import Event, Request
from hooklog.aws import connect
from hooklog.executions.details import DetailsRow
from hooklog.executions.erasure import erase_execution
from hooklog.executions.rows import ExecutionRow
from hooklog.settings import EraseSettings

logger = Logger()
settings = EraseSettings.from_environment()
connection = connect()
ExecutionRow.attach(connection, settings.executions_table)
DetailsRow.attach(connection, settings.execution_details_table)


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001 - Lambda passes it
    return answer(event, erase_execution_details, settings.allowed_origin, logger)


def erase_execution_details(event: Event) -> None:
    request = Request.parse(event)
    request.grant.require(Scope.WEBHOOKS_MANAGE, request.webhook_id)
    erase_execution(request.webhook_id, request.execution_id)
    logger.info(
        "details erased", event="details_erased", webhook_id=request.webhook_id, execution_id=request.execution_id
    )
