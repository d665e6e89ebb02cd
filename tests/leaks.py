"""No test lets product code write a secret: the fixtures plant some, and what is written is searched for all of them.

Written is what handlers log and print, and what their processes print beside it. It is searched test by test, in each
of pytest-xdist's workers; what the local AWS has in its log groups is searched when a worker lets go of it.
"""

import base64
import io
import logging
import re
import sys
from collections.abc import Callable, Generator, Iterable
from contextlib import redirect_stdout
from functools import wraps
from typing import Any, Final, TypeVar

import pytest

T = TypeVar("T")

PLANTED: Final = "pl4nted-s3cr3t"
"""In URLs, headers and bodies that the fixtures make, and in the signing key."""
SIGNING_KEY: Final = f"{PLANTED}-{49 * 'k'}"
HEADER: Final = {"X-Planted": PLANTED}

_ENCODED: Final = [base64.b64encode(bytes(shift) + PLANTED.encode())[4:-4].decode() for shift in range(3)]
"""What of it there is in base64, wherever it begins."""

_SECRETS: Final = {
    "what was planted": re.compile("|".join([PLANTED, *_ENCODED])),
    "a payload": re.compile(r"order\\*[\"']?: ?1742"),
    "a token": re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]+"),
    "a webhook's secret": re.compile(r"whsec_\w{8}"),
    "a signature": re.compile(r"v1,[\w+/]{43}="),
    "credentials in a URL": re.compile(r"://[^/\s\"']*@"),
}
"""What was planted, the payload of most tests, and what the product makes itself."""


def found_in(texts: Iterable[str]) -> list[str]:
    """What of all that must not be written is there, with what stands around it."""
    return [
        f"{name}: …{text[max(match.start() - 80, 0) : match.end() + 20]}…"
        for text in texts
        for name, pattern in _SECRETS.items()
        if (match := pattern.search(text))
    ]


class _Written(logging.Handler):
    """All that handlers of this process have logged and printed since it was last taken."""

    def __init__(self) -> None:
        super().__init__()
        self._texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """As the logger's own handler writes it: with its fields, and its exception's traceback."""
        handlers = logging.getLogger(record.name).handlers or [self]
        self._texts.append(handlers[0].format(record))

    def print(self, text: str) -> None:
        self._texts.append(text)

    def take(self) -> list[str]:
        taken, self._texts = self._texts, []
        return taken


_written: Final = _Written()


class _Tee(io.StringIO):
    """Standard output, each piece of which is kept as well."""

    def __init__(self) -> None:
        super().__init__()
        self._stdout = sys.stdout

    def write(self, text: str) -> int:
        _written.print(text)
        return self._stdout.write(text)


def watched(handler: Callable[..., T]) -> Callable[..., T]:
    """A Lambda handler whose prints are searched, whoever reads them."""

    @wraps(handler)
    def watching(event: Any, context: Any) -> T:
        with redirect_stdout(_Tee()):
            return handler(event, context)

    return watching


def pytest_configure() -> None:
    logging.getLogger().addHandler(_written)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a test that let something be written, if it has not failed anyhow."""
    report = yield
    found = found_in([*_written.take(), *(text for _, text in report.sections)])
    if found and not report.failed:
        report.outcome, report.longrepr = "failed", "\n".join(["Product code has written", *found])
    return report
