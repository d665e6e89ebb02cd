"""The environment of the deployed functions, as template.yaml gives it, and nothing of the machine's own."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final
from unittest.mock import patch

from tests import template
from tests.aws import CREDENTIALS

_KEPT: Final = ("PATH", "HOME", "LANG", "TMPDIR")
"""Without proxies and certificate bundles, which `requests` would look up for each request of the bare loop."""


def environment(function: str, **overrides: str) -> dict[str, str]:
    """A function's variables, each parameter at its default and each resource by its logical id."""
    variables = template.environment(function) | template.TEMPLATE["Globals"]["Function"]["Environment"]["Variables"]
    values = {name: _text(template.default(value)) for name, value in variables.items()}
    return {name: os.environ[name] for name in _KEPT if name in os.environ} | CREDENTIALS | values | overrides


def _text(value: Any) -> str:
    return str(value.get("Ref") or value["Fn::GetAtt"][0]) if isinstance(value, dict) else str(value)


@contextmanager
def only(variables: dict[str, str]) -> Iterator[None]:
    """Run with these environment variables alone."""
    with patch.dict(os.environ, variables, clear=True):
        yield
