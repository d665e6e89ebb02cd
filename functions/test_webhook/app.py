"""POST /webhooks/{webhook_id}/test: send to a webhook at once, on or off, or show what would be sent."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from aws_lambda_powertools import Logger

from hooklog.access.grants import Scope
from hooklog.api.answer import answer
from hooklog.api.request import Event, Request
from hooklog.api.trial import Laboratory, Trial, execution_of, log, rehearsed, shown
from hooklog.delivery.courier import Courier
from hooklog.delivery.egress import EgressAdapter
from hooklog.delivery.guard import Guard
from hooklog.errors import NotFound
from hooklog.executions.execution import DetailsOf
from hooklog.executions.log import Retention
from hooklog.executions.tables import DetailsRow, ExecutionRow, connect
from hooklog.queues.clients import Clients
from hooklog.queues.unlogged import UnloggedQueue
from hooklog.sending.archive import Archive
from hooklog.settings import TryWebhookSettings
from hooklog.webhooks.directory import Directory, Entry
from hooklog.webhooks.registry import read
from hooklog.webhooks.rows import WebhookRow
from hooklog.webhooks.transformation import Transformer
from hooklog.webhooks.vault import Vault

logger = Logger()
settings = TryWebhookSettings.from_environment()
connection, clients = connect(), Clients()
ExecutionRow.attach(connection, settings.executions_table)
DetailsRow.attach(connection, settings.execution_details_table)
WebhookRow.attach(connection, settings.webhooks_table)
vault = Vault(clients, settings.webhook_key)
archive = Archive(
    connection,
    Retention(settings.execution_retention_days, settings.details_retention_days),
    settings.details_of is DetailsOf.ALL,
    UnloggedQueue(clients, settings.unlogged_queue_url),
)
courier = Courier(
    EgressAdapter(Guard(settings.allowed_networks)),
    allow_http=settings.allow_http,
    capture_limit=settings.capture_limit_bytes,
)
laboratory = Laboratory(courier, Transformer())


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001 - Lambda passes it
    return answer(event, test_webhook, settings.allowed_origin, logger)


def test_webhook(event: Event) -> Mapping[str, Any]:
    request = Request.parse(event)
    request.grant.require(Scope.WEBHOOKS_MANAGE, request.webhook_id)
    trial = Trial.parse(request.document if request.body else {}, request.webhook_id)
    entry = find(request.webhook_id)
    execution = execution_of(laboratory.run(trial, entry), unkept=settings.details_of is DetailsOf.NONE)
    if trial.dry_run:
        return rehearsed(execution, settings.sensitive_headers)
    if cause := log(execution, archive):
        logger.error("a test was not logged", cause=cause)
    return shown(execution, archive, settings.sensitive_headers)


def find(webhook_id: str) -> Entry:
    """As it is now, for it may just have been changed. Raises NotFound, RegistryUnreachable."""
    if entry := Directory(partial(read, consistent=True), vault).find(webhook_id):
        return entry
    raise NotFound("there is no such webhook")
