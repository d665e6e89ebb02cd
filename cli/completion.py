"""The command completion, which prints a script for a shell."""

import argparse
from collections.abc import Iterator

import shtab

from cli.arguments import build_parser

_FILE = "FILE"


def generate_script(arguments: argparse.Namespace) -> str:
    """Return a script that completes commands, options, choices and files."""
    parser = build_parser()
    for action in _list_actions(parser):
        if action.metavar == _FILE:
            action.complete = shtab.FILE  # type: ignore[attr-defined]
    return shtab.complete(parser, arguments.shell) + "\n"


def _list_actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in parser._actions:  # noqa: SLF001 - argparse has no other list
        yield action
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            for command in action.choices.values():
                yield from _list_actions(command)
