"""The environment variables of the deployed functions, from template.yaml.

The machine's own variables are not included.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final
from unittest.mock import patch

from tests import template
from tests.moto_server import CREDENTIALS

_KEPT: Final = ("PATH", "HOME", "LANG", "TMPDIR")
"""Excludes proxies and certificate bundles, which `requests` would look up for each request of the bare loop."""


def function_environment(function: str, **overrides: str) -> dict[str, str]:
    """Return the environment variables of a function.

    Parameters have their defaults; resources resolve to their logical IDs.
    """
    variables = template.environment(function) | template.TEMPLATE["Globals"]["Function"]["Environment"]["Variables"]
    values = {name: _resolve(template.default(value)) for name, value in variables.items()}
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return kept | CREDENTIALS | values | overrides


def _resolve(value: Any) -> str:
    return str(value.get("Ref") or value["Fn::GetAtt"][0]) if isinstance(value, dict) else str(value)


@contextmanager
def replace_environment(variables: dict[str, str]) -> Iterator[None]:
    """Run with only these environment variables."""
    with patch.dict(os.environ, variables, clear=True):
        yield
