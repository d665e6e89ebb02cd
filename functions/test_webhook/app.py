"""The function that tests a webhook, even a disabled one, or makes a dry run.

It handles POST /webhooks/{webhook_id}/test.
"""

from hooklog.startup import end_startup

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

from aws_lambda_powertools import Logger
from pynamodb.exceptions import PynamoDBException

from hooklog.api import time_limit
from hooklog.api.request import Request
from hooklog.api.response import respond
from hooklog.aws import Clients, connect_dynamodb
from hooklog.delivery.client import WebhookClient
from hooklog.delivery.egress import EgressAdapter
from hooklog.delivery.guard import Guard
from hooklog.errors import NotFound, NoTimeLeft, NotQueued, WebhookTestNotSent, describe_error
from hooklog.executions.details import DetailsRow
from hooklog.executions.execution import DetailsOf, Execution
from hooklog.executions.log import Retention
from hooklog.executions.rows import ExecutionRow
from hooklog.messages.message import Message
from hooklog.queues.pending import PendingLogWrites
from hooklog.sending.attempt import Dispatcher
from hooklog.sending.locks import LockRow
from hooklog.sending.log_writer import LogWriter
from hooklog.sending.time_limit import TimeLimit
from hooklog.sending.webhook_test import (
    NO_RETRIES,
    RESERVE_SECONDS,
    WebhookTest,
    WebhookTester,
    build_dry_run_response,
    build_response,
    lock,
    make_unregistered,
    unlock,
)
from hooklog.settings import WebhookTestSettings
from hooklog.webhooks.cache import Entry, WebhookCache
from hooklog.webhooks.encryption import KeyEncryption
from hooklog.webhooks.registry import read
from hooklog.webhooks.rows import WebhookRow
from hooklog.webhooks.transformation import Transformer

logger = Logger()
settings = WebhookTestSettings.from_environment()
connection, clients = connect_dynamodb(), Clients()
ExecutionRow.attach(connection, settings.executions_table)
DetailsRow.attach(connection, settings.execution_details_table)
WebhookRow.attach(connection, settings.webhooks_table)
LockRow.attach(connection, settings.recoveries_table)
encryption = KeyEncryption(clients, settings.webhook_key)
log_writer = LogWriter(
    connection,
    Retention(settings.execution_retention_days, settings.details_retention_days),
    settings.details_of is DetailsOf.ALL,
    PendingLogWrites(clients, settings.unlogged_queue_url),
)
client = WebhookClient(
    EgressAdapter(Guard(settings.allowed_networks)),
    allow_http=settings.allow_http,
    capture_limit=settings.capture_limit_bytes,
)
dispatcher = Dispatcher(client, NO_RETRIES, details_stored=settings.details_of is not DetailsOf.NONE)
tester = WebhookTester(dispatcher, Transformer())
end_startup()


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    limit = time_limit.compute_time_limit(event, context)
    return respond(event, {"test_webhook": partial(test_webhook, limit)}, settings.allowed_origins, logger)


def test_webhook(limit: TimeLimit, request: Request) -> Mapping[str, Any]:
    test = WebhookTest.parse(request.document if request.body else {}, request.webhook_id)
    try:
        entry = limit.run(partial(find, request.webhook_id), "reading the webhook", RESERVE_SECONDS)
        if test.dry_run:
            entry = entry or make_unregistered(request.webhook_id)
            return build_dry_run_response(tester.run(test, entry, limit), settings.sensitive_headers)
        if entry is None:
            raise NotFound("there is no such webhook")
        with hold_lock(test.message, limit):
            execution = tester.run(test, entry, limit)
            log(execution, limit)
            return build_response(execution, settings.execution_retention_days, settings.sensitive_headers)
    except NoTimeLeft as timeout:
        logger.error("a test was not sent", event="test_not_sent", cause=str(timeout))  # noqa: TRY400 - the cause says what took too long
        raise WebhookTestNotSent(f"Nothing was sent: {timeout}. Try again.") from None


def log(execution: Execution, limit: TimeLimit) -> None:
    """Log the execution.

    If that fails, the response still contains it, because it was sent.
    """
    try:
        limit.run(partial(log_writer.write, [execution]), "logging the execution")
    except (NotQueued, NoTimeLeft) as error:
        logger.error("a test was not logged", event="test_not_logged", cause=str(error))  # noqa: TRY400 - the text has AWS's error code


@contextmanager
def hold_lock(message: Message, limit: TimeLimit) -> Iterator[None]:
    """Hold the webhook's test lock.

    Raises TooManyRequests if another test is running, and NoTimeLeft.
    """
    limit.run(partial(lock, message), "taking the webhook's test lock", RESERVE_SECONDS)
    try:
        yield
    finally:
        try:
            limit.run(partial(unlock, message), "releasing the lock")
        except (NoTimeLeft, PynamoDBException) as error:
            logger.warning(
                "a webhook cannot be tested until its lock expires",
                event="test_lock_not_released",
                webhook_id=message.webhook_id,
                cause=describe_error(error),
            )


def find(webhook_id: str) -> Entry | None:
    """Read the webhook consistently, because it may just have been changed.

    Raises RegistryUnavailable.
    """
    return WebhookCache(partial(read, consistent=True), encryption).find(webhook_id)
