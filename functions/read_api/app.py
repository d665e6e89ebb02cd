"""The read-only part of the API. Its role can neither write nor decrypt secrets.

Routes import what only they need, to keep it out of the other routes' cold starts.
"""

from hooklog.startup import end_startup

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import chain
from typing import Any

from aws_lambda_powertools import Logger

from hooklog.access.grants import Scope
from hooklog.api.cursor import make_cursor, make_webhook_cursor
from hooklog.api.request import Request
from hooklog.api.response import Handler, respond, truncate_list
from hooklog.aws import connect_dynamodb
from hooklog.errors import NotFound
from hooklog.executions import details, history
from hooklog.executions.masking import SensitiveHeaders
from hooklog.executions.rows import ExecutionRow
from hooklog.settings import ReadSettings
from hooklog.tables import get_items

logger = Logger()
settings = ReadSettings.from_environment()
connection = connect_dynamodb()
ExecutionRow.attach(connection, settings.executions_table)
details.DetailsRow.attach(connection, settings.execution_details_table)
end_startup()


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001 - Lambda passes it
    return respond(event, HANDLERS, settings.allowed_origins, logger)


def list_executions(request: Request) -> Mapping[str, Any]:
    query, limit, after = request.executions_page
    page = history.list_executions(query, limit, after)
    searched_to = {"searched_to": page.searched_to(query)} if query.is_filtered else {}
    return {"executions": page.executions, "next_cursor": make_cursor(query, page.more_after), **searched_to}


def get_execution(request: Request) -> Mapping[str, Any]:
    from hooklog.webhooks.rows import WebhookRow, to_sensitive_headers

    attach_webhooks()
    execution = ExecutionRow.get_key(request.webhook_id, request.execution_id)
    webhook = WebhookRow.get_key(request.webhook_id, attributes="sensitive_headers")
    parts = details.build_keys(request.webhook_id, request.execution_id)
    found = get_items(connection, [execution, webhook, *parts])
    if not found[execution.table_name]:
        raise NotFound(history.NO_EXECUTION)
    sensitive = settings.sensitive_headers.add(chain(*map(to_sensitive_headers, found[webhook.table_name])))
    details_items = found[settings.execution_details_table]
    return history.build_execution(found[execution.table_name][0], details_items, sensitive, settings.details_of)


def list_message_executions(request: Request) -> Mapping[str, Any]:
    return {"executions": history.list_message_executions(connection, request.message_id, request.grant.covers)}


def get_recovery(request: Request) -> Mapping[str, Any]:
    from hooklog.sending.recovery import RecoveryRow, get_progress

    RecoveryRow.attach(connection, settings.recoveries_table)
    return get_progress(request.webhook_id, request.recovery_id)


def get_stats(request: Request) -> Mapping[str, Any]:
    from hooklog.statistics.intervals import count_intervals

    attach_counts()
    return count_intervals(request.webhook_id, request.counted_period(datetime.now(UTC)))


def list_webhooks(request: Request) -> Mapping[str, Any]:
    from hooklog.webhooks.lists import list_covered

    limit, after, seen = request.webhooks_page
    attach_webhooks()
    if seen:
        return list_seen_webhooks(request, limit, after)
    page, masked = list_covered(request.grant.webhooks, limit, after), get_masked_headers(request)
    return to_page([webhook.to_response(masked) for webhook in page.webhooks], page.more_after)


def list_seen_webhooks(request: Request, limit: int, after: str | None) -> Mapping[str, Any]:
    from hooklog.api.seen import list_registered_and_seen, read_activity
    from hooklog.statistics.seen import SeenRow

    attach_counts()
    SeenRow.attach(connection, settings.seen_webhooks_table)
    grant, masked = request.grant, get_masked_headers(request)
    page = list_registered_and_seen(grant.webhooks, limit, after)
    webhooks: list[Mapping[str, Any]] = [
        {**(webhook.to_response(masked) if webhook else {"webhook_id": webhook_id}), "registered": webhook is not None}
        for webhook_id, webhook in page.webhooks.items()
    ]
    if Scope.EXECUTIONS_READ in grant.scopes:
        activity = read_activity(page.webhooks, datetime.now(UTC))
        webhooks = [{**webhook, **fields} for webhook, fields in zip(webhooks, activity, strict=True)]
    return to_page(webhooks, page.more_after)


def to_page(webhooks: Sequence[Mapping[str, Any]], more_after: str | None) -> Mapping[str, Any]:
    """Return the webhooks that fit into a response, and the cursor of the next page."""
    fitting = truncate_list(webhooks)
    if len(fitting) < len(webhooks):
        more_after = fitting[-1]["webhook_id"]
    return {"webhooks": fitting, "next_cursor": make_webhook_cursor(more_after)}


def get_webhook(request: Request) -> Mapping[str, Any]:
    from hooklog.webhooks.registry import find

    masked = get_masked_headers(request)
    attach_webhooks()
    return find(request.webhook_id).webhook.to_response(masked)


def attach_webhooks() -> None:
    from hooklog.webhooks.rows import WebhookRow

    WebhookRow.attach(connection, settings.webhooks_table)


def attach_counts() -> None:
    """Attach the counts. Raises NotFound if the deployment does not count executions."""
    if not settings.count_executions:
        raise NotFound("this deployment does not count executions: its parameter CountExecutions is false")
    from hooklog.statistics.counts import CountsRow

    CountsRow.attach(connection, settings.execution_counts_table)


def get_masked_headers(request: Request) -> SensitiveHeaders | None:
    """Return the headers to mask, or None if the call may see all values.

    Tokens that may set headers see them, unless the call asks for masks.
    """
    shows_all = Scope.WEBHOOKS_MANAGE in request.grant.scopes and not request.masked
    return None if shows_all else settings.sensitive_headers


HANDLERS: Mapping[str, Handler] = {
    each.__name__: each
    for each in (
        list_executions,
        get_execution,
        list_message_executions,
        get_recovery,
        get_stats,
        list_webhooks,
        get_webhook,
    )
}
