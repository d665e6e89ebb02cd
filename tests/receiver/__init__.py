"""A local HTTP and HTTPS receiver of webhooks that keeps books and can misbehave: see behaviours.py for its paths."""

from tests.receiver.books import ReceivedRequest
from tests.receiver.server import Receiver

__all__ = ["ReceivedRequest", "Receiver"]
