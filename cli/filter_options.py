"""The filters of the history as options of a command."""

import argparse
from collections.abc import Mapping
from typing import Final

from cli.failure import CliFailure, ExitCode
from hooklog.executions.filters import PARSERS, Filters

FILTERS: Final = ("status", "event_type", "result", "error_type")
"""As the API names them."""


def read_filters(arguments: argparse.Namespace) -> dict[str, str]:
    """Return the filters that are given, for the API.

    Raises CliFailure if they exclude each other, because then no execution matches.
    """
    given = {name: getattr(arguments, name) for name in FILTERS}
    filters = {name: text for name, text in given.items() if text is not None}
    if parse_filters(filters).are_contradictory:
        options = " ".join(f"{name_option(name)} {text}" for name, text in filters.items())
        raise CliFailure(f"no execution can match {options}", ExitCode.USAGE)
    return filters


def parse_filters(filters: Mapping[str, str]) -> Filters:
    return Filters(**{name: PARSERS[name](text) for name, text in filters.items()})


def name_option(field: str) -> str:
    """Return the option of a field of the API, such as `--event-type`."""
    return f"--{field.replace('_', '-')}"
