"""Events of client certificates that expire soon or have expired.

They are due as long as a webhook's row says so. So a certificate that was replaced or removed raises none, and an event
that SNS refused is raised again.
"""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any, Final, cast

from pynamodb.exceptions import PynamoDBException

from hooklog.aws import DYNAMODB_TIMEOUT_SECONDS
from hooklog.errors import describe_error
from hooklog.events.event import Event, EventType, build_certificate_event
from hooklog.events.publisher import Published
from hooklog.events.topic import EventTopic
from hooklog.executions.execution import compact_time, iso_time
from hooklog.tables import try_write
from hooklog.webhooks.certificate_rows import CertificateRow
from hooklog.webhooks.client_certificate import LISTED_CERTIFICATES, NO_NOTICE

MAX_EVENTS: Final = 500
"""Events of one run. The others follow five minutes later."""


def publish_due(topic: EventTopic, now: datetime, seconds_left: Callable[[], float]) -> Published:
    """Publish the due events of certificates, those that wait longest first.

    An event that is published, but not marked so, is published again with the same `event_id`. Raises pynamodb's
    exceptions if the certificates cannot be listed.
    """
    due = CertificateRow.certificate_due_at <= iso_time(compact_time(now))
    rows = list(CertificateRow.by_due_time.query(LISTED_CERTIFICATES, due, limit=MAX_EVENTS))
    events = [_build(row, now) for row in rows]
    unpublished = topic.publish(events, seconds_left)
    waiting = {event["event_id"] for event in unpublished.events} if unpublished else set()
    pairs = list(zip(rows, events, strict=True))
    causes = [_mark(row, event, seconds_left) for row, event in pairs if event["event_id"] not in waiting]
    return Published(
        published=len(causes),
        pending=len(waiting),
        cause=unpublished.cause if unpublished else next(filter(None, causes), ""),
        waiting_since=min((row.certificate_due_at for row, event in pairs if event["event_id"] in waiting), default=""),
        has_stopped=bool(unpublished and unpublished.has_stopped),
    )


def _build(row: Any, now: datetime) -> Event:
    certificate = cast("dict[str, str]", row.client_certificate)
    has_expired = datetime.fromisoformat(certificate["not_after"]) <= now
    kind = EventType.CERTIFICATE_EXPIRED if has_expired else EventType.CERTIFICATE_EXPIRING
    return build_certificate_event(kind, row.webhook_id, certificate, now)


def _mark(row: Any, event: Event, seconds_left: Callable[[], float]) -> str:
    """Set when the certificate's next event is due, unless another certificate has replaced it.

    Returns why it could not.
    """
    if seconds_left() < DYNAMODB_TIMEOUT_SECONDS:
        return "no time is left"
    due_at = event["not_after"] if event["type"] == EventType.CERTIFICATE_EXPIRING else NO_NOTICE
    attribute = CertificateRow.certificate_due_at
    try:
        unchanged = attribute == row.certificate_due_at
        try_write(partial(CertificateRow(row.webhook_id).update, [attribute.set(due_at)], unchanged))
    except PynamoDBException as error:
        return describe_error(error)
    return ""
