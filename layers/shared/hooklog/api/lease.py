"""One test of a webhook at a time, so that no receiver occupies the function that tests everybody's webhooks.

A lease is an item next to the webhook's recoveries. It is given back when the test is over, and expires if that fails.
"""

import time
from typing import Final

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.exceptions import DeleteError, PutError

from hooklog.api.time_limit import GATEWAY_SECONDS
from hooklog.errors import TooManyRequests
from hooklog.executions.tables import CONDITION_FAILED, AttachedTable

LEASE_SECONDS: Final = int(GATEWAY_SECONDS) + 1
"""Longer than a test can take, its function's end included."""

_TEST: Final = "#test"
"""In the place of a recovery's id, none of which has a `#`."""


class LeaseRow(AttachedTable):
    """A test that is running."""

    class Meta:
        table_name = ""

    webhook_id = UnicodeAttribute(hash_key=True)
    recovery_id = UnicodeAttribute(range_key=True, default=_TEST)
    holder = UnicodeAttribute()
    expires_at = NumberAttribute()


def take(webhook_id: str, holder: str) -> None:
    """Raises TooManyRequests while another holder has it. Taking it twice is taking it once: an answer may be lost."""
    now = int(time.time())
    row = LeaseRow(webhook_id, _TEST, holder=holder, expires_at=now + LEASE_SECONDS)
    free = LeaseRow.webhook_id.does_not_exist() | (LeaseRow.expires_at <= now) | (LeaseRow.holder == holder)
    try:
        row.save(free)
    except PutError as error:
        if error.cause_response_code != CONDITION_FAILED:
            raise
        raise TooManyRequests("a test of this webhook is running; try again when it is over") from None


def give_back(webhook_id: str, holder: str) -> None:
    """Nothing happens where it has expired and another has it."""
    try:
        LeaseRow(webhook_id, _TEST).delete(LeaseRow.holder == holder)
    except DeleteError as error:
        if error.cause_response_code != CONDITION_FAILED:
            raise
