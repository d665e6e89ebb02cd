"""One test of a webhook at a time, so that no receiver occupies the function that tests everybody's webhooks."""

from typing import Final

from hooklog.errors import TooManyRequests
from hooklog.sending import locks
from hooklog.sending.locks import Lock
from hooklog.sending.time_limit import GATEWAY_SECONDS

LEASE_SECONDS: Final = int(GATEWAY_SECONDS) + 1
"""Longer than a test can take, its function's end included."""


def take(webhook_id: str, holder: str) -> None:
    """Raises TooManyRequests while another holder has it."""
    if not locks.take(Lock.TEST, webhook_id, holder, LEASE_SECONDS):
        raise TooManyRequests("a test of this webhook is running; try again when it is over")


def give_back(webhook_id: str, holder: str) -> None:
    locks.release(Lock.TEST, webhook_id, holder)
