"""GET /webhooks/{webhook_id}/executions: the history of one webhook, newest first."""

from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools import Logger

from hooklog.access.grants import Scope
from hooklog.api.answer import answer
from hooklog.api.cursor import make_cursor
from hooklog.api.request import Event, Request
from hooklog.aws import connect
from hooklog.executions import history
from hooklog.executions.rows import ExecutionRow
from hooklog.settings import ListSettings

logger = Logger()
settings = ListSettings.from_environment()
ExecutionRow.attach(connect(), settings.executions_table)

PARAMETERS = frozenset({"limit", "cursor", "status", "from", "to"})


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001 - Lambda passes it
    return answer(event, list_executions, settings.allowed_origin, logger)


def list_executions(event: Event) -> Mapping[str, Any]:
    request = Request.parse(event, PARAMETERS)
    request.grant.require(Scope.EXECUTIONS_READ, request.webhook_id)
    query, limit, after = request.executions_page
    page = history.list_executions(query, limit, after)
    return {"executions": page.executions, "next_cursor": make_cursor(query, page.more_after)}
