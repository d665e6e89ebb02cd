"""DELETE /messages/{message_id}/details: erase the headers and bodies of all executions of one message."""

from typing import Any

from aws_lambda_powertools import Logger

from hooklog.access.grants import Scope
from hooklog.api.answer import answer
from hooklog.api.request import Event, Request
from hooklog.aws import connect
from hooklog.executions.details import DetailsRow
from hooklog.executions.erasure import erase_message
from hooklog.executions.rows import ExecutionRow
from hooklog.settings import EraseSettings

logger = Logger()
settings = EraseSettings.from_environment()
connection = connect()
ExecutionRow.attach(connection, settings.executions_table)
DetailsRow.attach(connection, settings.execution_details_table)


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001 - Lambda passes it
    return answer(event, erase_message_details, settings.allowed_origin, logger)


def erase_message_details(event: Event) -> None:
    request = Request.parse(event)
    request.grant.require_scope(Scope.WEBHOOKS_MANAGE)
    erased = erase_message(request.message_id, request.grant.covers)
    logger.info("details erased", event="details_erased", message_id=request.message_id, executions=erased)
