"""The command listen: replays a webhook's executions to a local server."""

import argparse
import time
from collections import Counter
from collections.abc import Mapping
from itertools import chain
from typing import Any, Final

from rich.text import Text

from cli.api import Api, ApiFailure, quote_segment
from cli.failure import CliFailure
from cli.filter_options import read_filters
from cli.follow import Follower
from cli.history import format_attempt
from cli.output import Column, Output, Record
from cli.pace import Pace
from cli.replay import Forwarder, NotReplayable, Replay, build_replay, read_keys
from cli.stack import Stack
from cli.tail import describe_missing
from hooklog.access.grants import Scope

_NOT_FOUND: Final = 404
_DENIED: Final = (403, _NOT_FOUND)
_COUNTED: Final = ("answered 2xx", "answered another status", "not answered", "not forwarded")
_KEYS_SECONDS: Final = 60
COLUMNS: Final = (
    Column("Executed at", lambda one: one["executed_at"], width=27),
    Column("Message", lambda one: one["message_id"], width=20),
    Column("Event", lambda one: one["event_type"] or "-", width=20),
    Column("Attempt", format_attempt, width=9),
    Column("Outcome", lambda one: _format_outcome(one), width=3),
    Column("Duration", lambda one: "-" if one["duration_ms"] is None else f"{one['duration_ms']} ms"),
)


def listen(stack: Stack, arguments: argparse.Namespace, output: Output) -> None:
    """Forward executions as they are logged, and print what the server answers.

    Stops when --within has passed, --count are printed, or the user interrupts, which is no failure.
    """
    listener = _Listener(stack, arguments, output)
    try:
        listener.run(arguments)
    except KeyboardInterrupt:
        if output.stderr.is_terminal:
            output.print_note("")  # the terminal has printed ^C
    finally:
        output.print_note(listener.summarize())


class _Listener:
    def __init__(self, stack: Stack, arguments: argparse.Namespace, output: Output) -> None:
        pace = Pace()
        self._webhook_id = arguments.webhook
        self._output = output
        accepts = (lambda _: True) if arguments.all_attempts else _is_first_attempt
        self._follower = Follower(stack, [arguments.webhook], read_filters(arguments), pace, accepts)
        self._secrets = Api(stack, Scope.WEBHOOKS_MANAGE, webhooks=[arguments.webhook], pace=pace)
        self._forwarder = Forwarder(arguments.forward_to)
        self._counts: Counter[str] = Counter()
        self._noted: set[str] = set()
        self._keys: tuple[bytes, ...] = ()
        self._keys_expire_at = 0.0

    def run(self, arguments: argparse.Namespace) -> None:
        ends = time.monotonic() + arguments.within.total_seconds() if arguments.within else None
        recent = self._follower.start(arguments.last)
        for sentence in describe_missing(self._follower, [self._webhook_id]):
            self._output.print_note(f"{sentence} Waiting for the first one.")
        self._output.print_note(f"Forwarding {self._webhook_id} to {arguments.forward_to}. Stop with Ctrl-C.")
        ordered = reversed(recent) if arguments.newest_first else recent
        for number, execution in enumerate(chain(ordered, self._follower.follow(ends, self._output.wait)), start=1):
            self._output.print_row(COLUMNS, self._replay(execution))
            if number == arguments.count:
                return
        if arguments.count:
            raise CliFailure(f"Only {self._counts.total()} of {arguments.count} executions arrived in time")

    def summarize(self) -> str:
        counts = ", ".join(f"{self._counts[name]} {name}" for name in _COUNTED if self._counts[name])
        total = self._counts.total()
        return f"Replayed {total} execution{'' if total == 1 else 's'}" + (f": {counts}" if counts else "")

    def _replay(self, summary: Record) -> Record:
        names = ("webhook_id", "execution_id", "message_id", "executed_at", "trigger", "attempt")
        row = {"event_type": None, "status": None, "duration_ms": None, "error": None, "signature": None}
        row |= {name: summary[name] for name in (*names, "event_type") if name in summary}
        try:
            replay = build_replay(self._read(summary), self._read_keys)
        except NotReplayable as reason:
            self._counts["not forwarded"] += 1
            return {**row, "error": f"not forwarded: {reason}"}
        self._note(replay)
        answer = self._forwarder.send(replay)
        self._counts[_classify(answer)] += 1
        return {**row, **answer, "signature": replay.signature}

    def _read(self, summary: Record) -> dict[str, Any]:
        path = f"/webhooks/{quote_segment(self._webhook_id)}/executions/{quote_segment(summary['execution_id'])}"
        try:
            return self._follower.retry(lambda: self._follower.api.get(path))
        except ApiFailure as failure:
            if failure.status != _NOT_FOUND:
                raise
            raise NotReplayable("it has expired") from None

    def _read_keys(self) -> tuple[bytes, ...]:
        """Return the signing key, or nothing if it cannot be read.

        It is read once a minute, because it may be rotated.
        """
        if time.monotonic() >= self._keys_expire_at:
            self._keys_expire_at = time.monotonic() + _KEYS_SECONDS
            try:
                path = f"/webhooks/{quote_segment(self._webhook_id)}/secret"
                self._keys = read_keys(self._follower.retry(lambda: self._secrets.get(path)))
            except ApiFailure as failure:
                if failure.status not in _DENIED:
                    raise
                self._keys = ()
        return self._keys

    def _note(self, replay: Replay) -> None:
        """Say, once for each set of headers, how the request differs from the original."""
        if replay.masked:
            self._note_once(f"Left out, because their values are masked: {', '.join(replay.masked)}.")
        if replay.signature == "stale":
            self._note_once("The signing secret cannot be read: requests keep their original signature (stale).")

    def _note_once(self, sentence: str) -> None:
        if sentence not in self._noted:
            self._noted.add(sentence)
            self._output.print_note(sentence)


def _is_first_attempt(execution: Record) -> bool:
    return bool(execution["attempt"] == 1)


def _classify(answer: Mapping[str, Any]) -> str:
    if answer["status"] is None:
        return "not answered"
    return "answered 2xx" if _is_success(answer["status"]) else "answered another status"


def _is_success(status: int) -> bool:
    """Return whether it is 2xx: for Hooklog, a redirect is a failure, too."""
    return status // 100 == 2


def _format_outcome(row: Record) -> Text:
    if row["status"] is None:
        return Text(row["error"], "red")
    stale = ", stale signature" if row["signature"] == "stale" else ""
    return Text(f"{row['status']}{stale}", "green" if _is_success(row["status"]) else "red")
