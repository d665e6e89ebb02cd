"""A local HTTP and HTTPS receiver that records requests.

It can misbehave: see behaviours.py for its paths.
"""

from tests.receiver.request_log import ReceivedRequest
from tests.receiver.server import Receiver

__all__ = ["ReceivedRequest", "Receiver"]
