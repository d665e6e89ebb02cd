"""GET /messages/{message_id}/executions: every execution of one message, in the order of attempts."""

from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools import Logger

from hooklog.access.grants import Scope
from hooklog.api.answer import answer
from hooklog.api.request import Event, Request
from hooklog.aws import connect
from hooklog.executions import history
from hooklog.executions.rows import ExecutionRow
from hooklog.settings import ListSettings

logger = Logger()
settings = ListSettings.from_environment()
ExecutionRow.attach(connect(), settings.executions_table)


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001 - Lambda passes it
    return answer(event, list_message_executions, settings.allowed_origin, logger)


def list_message_executions(event: Event) -> Mapping[str, Any]:
    request = Request.parse(event)
    request.grant.require_scope(Scope.EXECUTIONS_READ)
    return {"executions": history.list_message(request.message_id, request.grant.covers)}
