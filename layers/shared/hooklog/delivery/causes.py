"""What a failed exchange is called, in the customer's words."""

import ssl
from collections.abc import Iterator
from http.client import BadStatusLine, IncompleteRead

from requests import ReadTimeout, RequestException

from hooklog.delivery.deadline import DeadlineExceeded
from hooklog.delivery.tls import explain_tls, is_closing
from hooklog.errors import ErrorType, HardError

_TLS_RECORD = "\x15\x03"  # how an alert begins
_SPEAKS_TLS = "The receiver speaks TLS on this port: the URL must begin with https://."


def explain(error: Exception, timeout_seconds: float) -> HardError:
    """Name the cause of an exchange's failure, from the exceptions that ended it; it had `timeout_seconds`."""
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, HardError):
            return cause
    if any(isinstance(cause, TimeoutError | ReadTimeout) for cause in causes):
        return _late(causes, timeout_seconds)
    for cause in causes:
        if isinstance(cause, ssl.SSLError) and not is_closing(cause):
            return explain_tls(cause, negotiated=True)
    if any(isinstance(cause, OSError | IncompleteRead) and not isinstance(cause, RequestException) for cause in causes):
        return HardError(ErrorType.CONNECTION_RESET)
    if any(isinstance(cause, BadStatusLine) and str(cause).startswith(_TLS_RECORD) for cause in causes):
        return HardError(ErrorType.PROTOCOL_ERROR, _SPEAKS_TLS)
    return HardError(ErrorType.PROTOCOL_ERROR)


def _late(causes: list[BaseException], timeout_seconds: float) -> HardError:
    if any(isinstance(cause, DeadlineExceeded) for cause in causes):
        message = f"The receiver had not finished its answer after {timeout_seconds:g} s."
        return HardError(ErrorType.DEADLINE_EXCEEDED, message)
    if any(isinstance(cause, ReadTimeout) for cause in causes):
        return HardError(ErrorType.READ_TIMEOUT, f"The receiver gave no answer within {timeout_seconds:g} s.")
    message = f"The receiver had not taken the whole request after {timeout_seconds:g} s."
    return HardError(ErrorType.DEADLINE_EXCEEDED, message)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The exception and what led to it; urllib3 and requests also keep causes among their arguments."""
    if error is None:
        return
    yield error
    yield from (arg for arg in error.args if isinstance(arg, Exception))
    yield from _causes(error.__cause__ or error.__context__)
