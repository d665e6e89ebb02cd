"""A local HTTP and HTTPS receiver that records requests and can misbehave: see behaviours.py for its paths."""

from tests.receiver.received import ReceivedRequest
from tests.receiver.server import Receiver

__all__ = ["ReceivedRequest", "Receiver"]
