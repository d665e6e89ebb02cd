"""A plugin that fails each test in which product code writes a secret.

Fixtures plant secrets, and all output is searched for them. The output is what handlers log and print, and what their
processes print. It is searched after each test, in each of pytest-xdist's workers. The log groups of the local AWS are
searched at the end of a worker's session.
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
"""Contained in the URLs, headers and bodies of fixtures, and in the signing key."""
SIGNING_KEY: Final = f"{PLANTED}-{49 * 'k'}"
HEADER: Final = {"X-Planted": PLANTED}

_ENCODED: Final = [base64.b64encode(bytes(shift) + PLANTED.encode())[4:-4].decode() for shift in range(3)]
"""Its base64 at each of the three possible offsets."""

_SECRETS: Final = {
    "the planted secret": re.compile("|".join([PLANTED, *_ENCODED])),
    "a payload": re.compile(r"order\\*[\"']?: ?1742"),
    "a token": re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]+"),
    "a webhook's secret": re.compile(r"whsec_\w{8}"),
    "a private key": re.compile(r"PRIVATE KEY-----|MIGHAgEAMBMG"),
    "a signature": re.compile(r"v1,[\w+/]{43}="),
    "credentials in a URL": re.compile(r"://[^/\s\"']*@"),
}
"""The planted secret, the payload of most tests, and secrets that the product generates or gets."""


def found_in(texts: Iterable[str]) -> list[str]:
    """Return each secret that the texts contain, with its surroundings."""
    return [
        f"{name}: …{text[max(match.start() - 80, 0) : match.end() + 20]}…"
        for text in texts
        for name, pattern in _SECRETS.items()
        if (match := pattern.search(text))
    ]


class _Written(logging.Handler):
    """The output of this process's handlers since the last `take`.

    It contains what they have logged and printed.
    """

    def __init__(self) -> None:
        super().__init__()
        self._texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Format the record as the logger's own handler does.

        The output includes its fields and traceback.
        """
        handlers = logging.getLogger(record.name).handlers or [self]
        self._texts.append(handlers[0].format(record))

    def print(self, text: str) -> None:
        self._texts.append(text)

    def take(self) -> list[str]:
        texts, self._texts = self._texts, []
        return texts


_written: Final = _Written()


class _Tee(io.StringIO):
    """Standard output that also keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self._stdout = sys.stdout

    def write(self, text: str) -> int:
        _written.print(text)
        return self._stdout.write(text)


def watched(handler: Callable[..., T]) -> Callable[..., T]:
    """Wrap a Lambda handler so that its prints are searched.

    They are searched even if a test captures them.
    """

    @wraps(handler)
    def watching(event: Any, context: Any) -> T:
        with redirect_stdout(_Tee()):
            return handler(event, context)

    return watching


def pytest_configure() -> None:
    logging.getLogger().addHandler(_written)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a test in which a secret was written, unless it has failed already."""
    report = yield
    found = found_in([*_written.take(), *(text for _, text in report.sections)])
    if found and not report.failed:
        report.outcome, report.longrepr = "failed", "\n".join(["Product code has written", *found])
    return report
