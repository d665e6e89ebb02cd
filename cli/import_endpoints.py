"""The command import: registers endpoints that Svix or Convoy has exported."""

import argparse
from collections import Counter
from collections.abc import Iterable
from enum import StrEnum
from typing import Any, Final, NamedTuple

from cli.api import Api, ApiFailure, quote_segment
from cli.confirm import confirm, require_answer
from cli.endpoint import Endpoint
from cli.export_file import read_endpoints
from cli.failure import CliFailure
from cli.output import Column, Output, Record
from cli.pace import Pace
from cli.progress import show_bar
from cli.stack import Stack
from cli.webhook_set import read_webhook
from hooklog.access.grants import Scope
from hooklog.errors import InvalidRequest
from hooklog.messages.fields import IDENTIFIER, IDENTIFIER_RULE, normalize_header_name
from hooklog.webhooks.webhook import Webhook

_BAD_REQUEST: Final = 400
_SECRET: Final = "secret"  # noqa: S105 - the name of a field

Fields = dict[str, Any]


class Action(StrEnum):
    CREATE = "create"
    CHANGE = "change"
    UNCHANGED = "unchanged"
    SKIP = "skip"


_DONE: Final = {
    Action.CREATE: "created",
    Action.CHANGE: "changed",
    Action.UNCHANGED: "unchanged",
    Action.SKIP: "skipped",
}


class Step(NamedTuple):
    """What to do with one endpoint."""

    webhook_id: str
    endpoint: Endpoint
    action: Action
    webhook: Fields
    """The webhook as it is to be."""
    detail: str = ""
    """Why it is skipped, or the fields that change."""
    new_secret: bool = False

    def to_record(self) -> Record:
        return {
            "webhook_id": self.webhook_id,
            "action": self.action,
            "detail": self.detail,
            "url": self.endpoint.fields.get("url"),
            "not_carried_over": self.endpoint.lost,
        }


_COLUMNS: Final = (
    Column("Webhook", lambda one: one["webhook_id"]),
    Column("Action", lambda one: one["action"]),
    Column("Details", lambda one: one["detail"] or one["url"] or "-", folds=True),
    Column("Not carried over", lambda one: "; ".join(one["not_carried_over"]) or "-", folds=True),
)


def import_endpoints(stack: Stack, arguments: argparse.Namespace, output: Output) -> None:
    """Show what would be registered, ask, and do it.

    An endpoint that the API refuses is skipped; any other failure stops. Raises CliFailure if either happened.
    """
    if not arguments.dry_run:
        require_answer(arguments.yes, arguments.file)
    endpoints, is_complete = read_endpoints(arguments.file)
    api = Api(stack, f"{Scope.WEBHOOKS_READ} {Scope.WEBHOOKS_MANAGE}", pace=Pace())
    steps = _plan(api, endpoints, arguments, output)
    output.print_table(_COLUMNS, [step.to_record() for step in steps])
    if not is_complete:
        output.print_note("The last page of the file says that more pages follow: endpoints may be missing.")
    if arguments.dry_run:
        return
    due = [step for step in steps if step.action in (Action.CREATE, Action.CHANGE)]
    outcomes = Counter(step.action for step in steps if step not in due)
    if due:
        confirm(f"Import {len(due)} of {len(steps)} endpoints?", arguments.yes, output)
        _apply_all(api, due, outcomes, output)
    output.print_result(_summarize(outcomes), {_DONE[action]: outcomes[action] for action in Action})
    if outcomes[Action.SKIP]:
        raise CliFailure(f"{outcomes[Action.SKIP]} of {len(steps)} endpoints were not imported")


def _plan(api: Api, endpoints: Iterable[Endpoint], arguments: argparse.Namespace, output: Output) -> list[Step]:
    steps: dict[str, Step] = {}
    endpoints = list(endpoints)
    with show_bar("reading webhooks", len(endpoints), output) as advance:
        for endpoint in endpoints:
            webhook_id = f"{arguments.prefix}{endpoint.endpoint_id}"
            if arguments.topic:
                endpoint.fields["topic"] = arguments.topic
            if webhook_id in steps:
                steps[f"{webhook_id} (again)"] = _skip(webhook_id, endpoint, "another one has the same ID")
            else:
                steps[webhook_id] = _plan_one(api, webhook_id, endpoint)
            advance(1)
    return list(steps.values())


def _plan_one(api: Api, webhook_id: str, endpoint: Endpoint) -> Step:
    if reason := _find_error(webhook_id, endpoint):
        return _skip(webhook_id, endpoint, reason)
    path = _path(webhook_id)
    stored = read_webhook(api, path)
    if stored is None:
        return Step(webhook_id, endpoint, Action.CREATE, endpoint.fields, "", endpoint.secret is not None)
    webhook = _merge(stored, endpoint.fields)
    changes = [name for name in endpoint.fields if webhook[name] != stored.get(name)]
    new_secret = endpoint.secret not in (None, api.get(f"{path}/secret")["secret"])
    if new_secret:
        changes.append(_SECRET)
    action = Action.CHANGE if changes else Action.UNCHANGED
    return Step(webhook_id, endpoint, action, webhook, ", ".join(changes), new_secret)


def _skip(webhook_id: str, endpoint: Endpoint, reason: str) -> Step:
    return Step(webhook_id, endpoint, Action.SKIP, {}, reason)


def _find_error(webhook_id: str, endpoint: Endpoint) -> str | None:
    """Return why the API would refuse it, as far as that can be told here."""
    if not IDENTIFIER.fullmatch(webhook_id):
        return f"the webhook's ID {IDENTIFIER_RULE}"
    try:
        Webhook.parse(endpoint.fields, webhook_id, None)
    except InvalidRequest as error:
        return str(error)
    return None


def _merge(stored: Fields, fields: Fields) -> Fields:
    """Return the stored webhook with these fields.

    It keeps headers that the fields do not name, and the order of equal event types.
    """
    merged = {**stored, **fields}
    if "headers" in fields:
        named = set(map(normalize_header_name, fields["headers"]))
        kept = {name: value for name, value in stored["headers"].items() if normalize_header_name(name) not in named}
        merged["headers"] = {**kept, **fields["headers"]}
    if "sensitive_headers" in fields:
        merged["sensitive_headers"] = list(dict.fromkeys([*stored["sensitive_headers"], *fields["sensitive_headers"]]))
    if set(stored["event_types"]) == set(fields["event_types"]):
        merged["event_types"] = stored["event_types"]
    return merged


def _apply_all(api: Api, due: list[Step], outcomes: Counter[Action], output: Output) -> None:
    """Do the steps, and count what was done. Raises CliFailure if it has to stop."""
    at = ""
    try:
        with show_bar("importing", len(due), output) as advance:
            for step in due:
                at = step.webhook_id
                outcomes[_apply_or_skip(api, step, output)] += 1
                advance(1)
    except (CliFailure, KeyboardInterrupt) as stop:
        output.print_note(f"{_summarize(outcomes)}. Run the command again to continue.")
        if isinstance(stop, CliFailure):
            raise CliFailure(f"Stopped at {at}: {stop}", stop.code) from None
        raise


def _apply_or_skip(api: Api, step: Step, output: Output) -> Action:
    """Do a step, unless the API refuses its fields. Return what was done."""
    try:
        _apply(api, step)
    except ApiFailure as failure:
        if failure.status != _BAD_REQUEST:
            raise
        output.print_note(f"{step.webhook_id} was refused. {failure}")
        return Action.SKIP
    return step.action


def _apply(api: Api, step: Step) -> None:
    """Create or change a webhook.

    A new one is enabled after its secret is set, so that nothing is signed with another. If that breaks off, the next
    run finds it and continues.
    """
    path, webhook = _path(step.webhook_id), step.webhook
    if step.action is Action.CREATE:
        created = api.put(path, {**webhook, "enabled": webhook["enabled"] and not step.new_secret})
        webhook = {**webhook, "version": created["version"]}
        if not step.new_secret:
            return
    if step.new_secret:
        overlap = {"overlap_hours": 0} if step.action is Action.CREATE else {}
        api.post(f"{path}/secret", {"secret": step.endpoint.secret, **overlap})
    if webhook["enabled"] if step.action is Action.CREATE else step.detail != _SECRET:
        api.put(path, webhook)


def _path(webhook_id: str) -> str:
    return f"/webhooks/{quote_segment(webhook_id)}"


def _summarize(outcomes: Counter[Action]) -> str:
    return ", ".join(f"{outcomes[action]} {_DONE[action]}" for action in Action)
