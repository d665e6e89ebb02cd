"""The command webhooks set: creates a webhook, or changes some of its fields."""

import argparse
from collections.abc import Callable, Mapping
from typing import Any, Final

from cli.api import Api, ApiFailure, quote_segment
from cli.failure import CliFailure, ExitCode
from cli.filter_options import name_option
from cli.input import read_text
from cli.output import Output
from cli.stack import Stack
from cli.webhooks import describe_state
from hooklog.access.grants import Scope
from hooklog.messages.fields import normalize_header_name

Fields = dict[str, Any]

_NOT_FOUND, _CONFLICT = 404, 409
_MAX_TRIES: Final = 3
_OPTIONS: Final[Mapping[str, str]] = {
    "headers": "--header",
    "enabled": "--enabled, --disabled",
    "client_certificate": "--client-certificate, --client-key",
}
"""Options that are named differently from their field."""


def set_webhook(stack: Stack, arguments: argparse.Namespace, output: Output) -> None:
    """Change the fields that options name, or create the webhook.

    Prints its secret when it is created.
    """
    change = _read_change(arguments)
    api = Api(stack, f"{Scope.WEBHOOKS_READ} {Scope.WEBHOOKS_MANAGE}")
    try:
        created, webhook = _apply(api, f"/webhooks/{quote_segment(arguments.webhook)}", change)
    except ApiFailure as failure:
        if not failure.errors:
            raise
        raise CliFailure(_describe_errors(failure.errors), failure.code) from None
    state = describe_state(webhook)
    sentence = f"Changed {arguments.webhook}: it is {state}, version {webhook['version']}"
    if created:
        hint = "" if webhook["enabled"] else "; enable it with --enabled"
        sentence = f"Created {arguments.webhook}: it is {state}{hint}. Its secret: {webhook['secret']}"
    output.print_result(sentence, webhook)


def _apply(api: Api, path: str, change: Callable[[Fields], Fields]) -> tuple[bool, Fields]:
    """Apply the change. Return whether the webhook was created, and the webhook.

    If someone else changes the webhook at the same time, the change is applied to their version.
    """
    for left in reversed(range(_MAX_TRIES)):
        stored = read_webhook(api, path)
        try:
            return stored is None, api.put(path, change(stored or {}))
        except ApiFailure as failure:
            if failure.status != _CONFLICT or left == 0 or _version(read_webhook(api, path)) == _version(stored):
                raise
    raise AssertionError("unreachable")


def read_webhook(api: Api, path: str) -> Fields | None:
    """Read a webhook; None if it does not exist."""
    try:
        return api.get(path)
    except ApiFailure as failure:
        if failure.status != _NOT_FOUND:
            raise
        return None


def _version(webhook: Fields | None) -> int:
    return webhook["version"] if webhook else 0


def _read_change(arguments: argparse.Namespace) -> Callable[[Fields], Fields]:
    """Return the function that applies the options to a webhook's fields."""
    given = {name: getattr(arguments, name) for name in SET_FIELDS if getattr(arguments, name) is not None}
    added, removed = dict(arguments.header or ()), arguments.remove_header or ()
    if certificate := _read_certificate(arguments):
        given |= certificate
    if not (given or added or removed):
        raise CliFailure("Nothing to change: give an option, such as --url or --enabled", ExitCode.USAGE)
    if transformation := given.get("transformation"):
        given["transformation"] = read_text(transformation)
    given = {name: None if value == "" and name in _NULLABLE else value for name, value in given.items()}

    def change(webhook: Fields) -> Fields:
        replaced = {normalize_header_name(name) for name in (*added, *removed)}
        headers = {
            name: value
            for name, value in webhook.get("headers", {}).items()
            if normalize_header_name(name) not in replaced
        }
        return {**webhook, **given, "headers": {**headers, **added}}

    return change


def _read_certificate(arguments: argparse.Namespace) -> Fields:
    """Read the client certificate with its key; empty if no option names one."""
    files = {"certificate": arguments.client_certificate, "key": arguments.client_key}
    if arguments.no_client_certificate:
        if any(files.values()):
            raise CliFailure("Give either --client-certificate or --no-client-certificate", ExitCode.USAGE)
        return {"client_certificate": None}
    if not any(files.values()):
        return {}
    if not all(files.values()):
        raise CliFailure("Give --client-certificate and --client-key together", ExitCode.USAGE)
    return {"client_certificate": {name: read_text(file) for name, file in files.items()}}


SET_FIELDS: Final = (
    "url",
    "name",
    "event_types",
    "enabled",
    "timeout_seconds",
    "retry_schedule",
    "transformation",
    "sensitive_headers",
    "topic",
    "max_per_second",
    "ordered",
)
"""The fields that an option of the same name sets. `headers` and `client_certificate` have their own options."""
_NULLABLE: Final = frozenset({"topic", "transformation", "retry_schedule", "max_per_second"})
"""Fields that an empty text sets to null."""


def _describe_errors(errors: Mapping[str, str]) -> str:
    """Say which options are wrong, one per line."""
    lines = (f"{_OPTIONS.get(field, name_option(field))}: {message}" for field, message in errors.items())
    return "\n".join(lines)
