"""Groups of commands, and the options that all of them have."""

import argparse
import os
from collections.abc import Callable
from importlib import import_module
from typing import Any, Final, NamedTuple

STACK_VARIABLE: Final = "HOOKLOG_STACK"


class CommandGroup:
    """The commands of a parser, which prints its help without one.

    Parsing sets `run`, or, if no stack is needed, `text`.
    """

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        parser.set_defaults(run=None, text=lambda _: parser.format_help())
        self._commands = parser.add_subparsers(title="commands", metavar="COMMAND")

    def add(self, name: str, run: str, summary: str) -> argparse.ArgumentParser:
        """Add a command: `module:function`, called with stack, arguments and output."""
        return self._add(name, summary, run=LateFunction(*run.split(":")))

    def add_text(self, name: str, text: str, summary: str) -> argparse.ArgumentParser:
        """Add a command that prints what `module:function` returns. It needs no stack."""
        return self._add(name, summary, run=None, text=LateFunction(*text.split(":")))

    def add_group(self, name: str, summary: str) -> "CommandGroup":
        """Add a command that has commands itself."""
        return CommandGroup(self._add(name, summary))

    def _add(self, name: str, summary: str, **defaults: Any) -> argparse.ArgumentParser:
        command = self._commands.add_parser(
            name,
            help=summary,
            description=f"{summary}.",
            parents=[build_common_options(argparse.SUPPRESS)],
        )
        command.set_defaults(**defaults)
        return command


class LateFunction(NamedTuple):
    """A function of this package whose module is imported when it is called.

    Importing all modules takes longer than `hooklog --help` may.
    """

    module: str
    name: str

    def load(self) -> Callable[..., Any]:
        function: Callable[..., Any] = getattr(import_module(f"cli.{self.module}"), self.name)
        return function

    def __call__(self, *arguments: Any) -> Any:
        return self.load()(*arguments)


def build_common_options(default: str | None) -> argparse.ArgumentParser:
    """Build the options that are valid before and after the command.

    After it, a missing option must not reset an earlier one: its default is then argparse.SUPPRESS.
    """
    common = argparse.ArgumentParser(add_help=False, argument_default=default)
    common.add_argument(
        "--stack",
        metavar="NAME",
        default=default or os.environ.get(STACK_VARIABLE),
        help=f"use this stack on AWS instead of the local one; default: ${STACK_VARIABLE}",
    )
    common.add_argument("--region", metavar="REGION", help="AWS region of the stack; default: your AWS configuration")
    common.add_argument("--profile", metavar="PROFILE", help="AWS profile for the stack")
    common.add_argument("--json", action="store_true", default=default, help="print one JSON object per line")
    return common
