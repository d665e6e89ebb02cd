"""The SNS topic that events are published to."""

import json
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Any, Final, NamedTuple

from hooklog.aws import SERVICE_TIMEOUT_SECONDS, Clients
from hooklog.errors import get_error_code
from hooklog.events.event import Event

MAX_BATCH: Final = 10
"""PublishBatch's limit. Events are far below its 256 KiB."""

MAX_SUBJECT: Final = 100
"""Characters of an SNS subject, which emails show."""


class Unpublished(NamedTuple):
    """Events that were not published."""

    events: Sequence[Event]
    cause: str
    has_stopped: bool
    """Whether a request failed or time was short; otherwise SNS refused just these events."""


class EventTopic(NamedTuple):
    """The topic for events.

    Subscriptions can filter by the attributes `type` and `webhook_id`.
    """

    clients: Clients
    arn: str

    def publish(
        self, events: Iterable[Event], seconds_left: Callable[[], float] = lambda: SERVICE_TIMEOUT_SECONDS
    ) -> Unpublished | None:
        """Publish events, as far as time allows; return the others.

        The first failed request ends the call, because each further one could time out during an outage.
        """
        remaining, refused, cause = iter(events), list[Event](), ""
        while batch := list(islice(remaining, MAX_BATCH)):
            if seconds_left() < SERVICE_TIMEOUT_SECONDS:
                return Unpublished([*refused, *batch, *remaining], "no time is left", has_stopped=True)
            unpublished = self._publish_batch(batch)
            if unpublished and unpublished.has_stopped:
                return unpublished._replace(events=[*refused, *batch, *remaining])
            if unpublished:
                refused += unpublished.events
                cause = unpublished.cause
        return Unpublished(refused, cause, has_stopped=False) if refused else None

    def _publish_batch(self, batch: Sequence[Event]) -> Unpublished | None:
        entries = [_build_entry(str(number), event) for number, event in enumerate(batch)]
        try:
            response = self.clients.sns.publish_batch(TopicArn=self.arn, PublishBatchRequestEntries=entries)
        except Exception as error:  # noqa: BLE001 - whatever a broken response raises, the events must be kept
            return Unpublished(batch, get_error_code(error), has_stopped=True)
        if not (failed := response.get("Failed")):
            return None
        return Unpublished([batch[int(each["Id"])] for each in failed], str(failed[0]["Code"]), has_stopped=False)


def _build_entry(entry_id: str, event: Event) -> dict[str, Any]:
    return {
        "Id": entry_id,
        "Subject": f"{event['type']} {event['webhook_id']}"[:MAX_SUBJECT],
        "Message": json.dumps(event),
        "MessageAttributes": {
            name: {"DataType": "String", "StringValue": event[name]} for name in ("type", "webhook_id")
        },
    }
