"""The error types of failed HTTP exchanges."""

import ssl
from http.client import BadStatusLine, IncompleteRead

from hooklog.delivery.deadline import DeadlineExceeded, SendTimeout
from hooklog.delivery.tls import explain_tls_error, is_connection_closed
from hooklog.errors import ErrorType, HardError

_TLS_ALERT = "\x15\x03"  # the first bytes of a TLS alert
_USES_TLS = "The receiver uses TLS on this port. The URL must begin with https://."


def classify_error(error: Exception, timeout_seconds: float, *, has_certificate: bool = False) -> HardError:
    """Convert the exception that ended an exchange to a hard error.

    `timeout_seconds` and whether a client certificate was presented are for its message.
    """
    if isinstance(error, HardError):
        return error
    if isinstance(error, TimeoutError):
        return _classify_timeout(error, timeout_seconds)
    if isinstance(error, ssl.SSLError) and not is_connection_closed(error):
        return explain_tls_error(error, is_negotiated=True, has_certificate=has_certificate)
    if isinstance(error, OSError | IncompleteRead):
        return HardError(ErrorType.CONNECTION_RESET)
    if isinstance(error, BadStatusLine) and str(error).startswith(_TLS_ALERT):
        return HardError(ErrorType.PROTOCOL_ERROR, _USES_TLS)
    return HardError(ErrorType.PROTOCOL_ERROR)


def _classify_timeout(error: TimeoutError, timeout_seconds: float) -> HardError:
    if isinstance(error, DeadlineExceeded):
        message = f"The receiver did not finish its response within {timeout_seconds:g} s."
        return HardError(ErrorType.DEADLINE_EXCEEDED, message)
    if isinstance(error, SendTimeout):
        message = f"The receiver did not read the whole request within {timeout_seconds:g} s."
        return HardError(ErrorType.DEADLINE_EXCEEDED, message)
    return HardError(ErrorType.READ_TIMEOUT, f"The receiver did not respond within {timeout_seconds:g} s.")
