"""The error types of failed HTTP exchanges."""

import ssl
from collections.abc import Iterator
from http.client import BadStatusLine, IncompleteRead

from requests import ReadTimeout, RequestException

from hooklog.delivery.deadline import DeadlineExceeded
from hooklog.delivery.tls import explain_tls_error, is_connection_closed
from hooklog.errors import ErrorType, HardError

_TLS_ALERT = "\x15\x03"  # the first bytes of a TLS alert
_USES_TLS = "The receiver uses TLS on this port. The URL must begin with https://."


def classify_error(error: Exception, timeout_seconds: float) -> HardError:
    """Convert the exception that ended an exchange to a hard error.

    `timeout_seconds` is for its message.
    """
    causes = list(_iterate_causes(error))
    for cause in causes:
        if isinstance(cause, HardError):
            return cause
    if any(isinstance(cause, TimeoutError | ReadTimeout) for cause in causes):
        return _classify_timeout(causes, timeout_seconds)
    for cause in causes:
        if isinstance(cause, ssl.SSLError) and not is_connection_closed(cause):
            return explain_tls_error(cause, is_negotiated=True)
    if any(isinstance(cause, OSError | IncompleteRead) and not isinstance(cause, RequestException) for cause in causes):
        return HardError(ErrorType.CONNECTION_RESET)
    if any(isinstance(cause, BadStatusLine) and str(cause).startswith(_TLS_ALERT) for cause in causes):
        return HardError(ErrorType.PROTOCOL_ERROR, _USES_TLS)
    return HardError(ErrorType.PROTOCOL_ERROR)


def _classify_timeout(causes: list[BaseException], timeout_seconds: float) -> HardError:
    if any(isinstance(cause, DeadlineExceeded) for cause in causes):
        message = f"The receiver did not finish its response within {timeout_seconds:g} s."
        return HardError(ErrorType.DEADLINE_EXCEEDED, message)
    if any(isinstance(cause, ReadTimeout) for cause in causes):
        return HardError(ErrorType.READ_TIMEOUT, f"The receiver did not respond within {timeout_seconds:g} s.")
    message = f"The receiver did not read the whole request within {timeout_seconds:g} s."
    return HardError(ErrorType.DEADLINE_EXCEEDED, message)


def _iterate_causes(error: BaseException | None) -> Iterator[BaseException]:
    """Iterate over the exception and its causes.

    urllib3 and requests also pass causes as arguments.
    """
    if error is None:
        return
    yield error
    yield from (arg for arg in error.args if isinstance(arg, Exception))
    yield from _iterate_causes(error.__cause__ or error.__context__)
