"""A check that sends one webhook and reads its execution.

It uses the real queue and the API.
"""

import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from cli.api import Api, quote_segment
from cli.findings import CheckedStack, Finding, Status
from cli.send import send_messages
from hooklog.access.grants import Scope
from local.receiver import sample_receiver

WEBHOOK: Final = "hooklog.doctor"
WAIT_SECONDS: Final = 60.0
_POLL_SECONDS: Final = 0.5
_SCOPES: Final = f"{Scope.EXECUTIONS_READ} {Scope.WEBHOOKS_MANAGE}"


@dataclass(frozen=True, slots=True)
class _Receiver:
    """Where the webhook goes, and which results prove that it arrived."""

    name: str
    url: str
    results: range


def check_round_trip(stack: CheckedStack, to: str | None, seconds: float = WAIT_SECONDS) -> Finding:
    """Send a webhook and wait up to `seconds` for its execution.

    Sends it to this URL, or to a receiver of our own. Erases the message of a failure, which ends its retries. Raises
    CliFailure, NotQueued and what boto3 raises.
    """
    with _open_receiver(stack, to) as receiver:
        message_id = f"doctor_{uuid.uuid4().hex}"
        fields = {"webhook_id": WEBHOOK, "url": receiver.url, "event_type": WEBHOOK, "payload": {"hooklog": "doctor"}}
        started = time.monotonic()
        send_messages(stack.client("sqs"), stack.outputs["QueueUrl"], [{"message_id": message_id, **fields}])
        api = Api(stack.stack, _SCOPES)
        execution = _await_execution(api, message_id, started + seconds)
        if execution is None:
            found = f"No execution of message {message_id} within {seconds:g} s."
            advice = "Run hooklog top to see how long messages wait, and read docs/operations.md#oldestmessage"
            return Finding(Status.FAILED, found, advice)
        return _evaluate(api, receiver, execution, time.monotonic() - started)


@contextmanager
def _open_receiver(stack: CheckedStack, to: str | None) -> Iterator[_Receiver]:
    """Open a receiver for the round trip.

    On AWS, use a path of the stack's own API that does not exist: a 4xx proves that the request arrived.
    """
    if to is not None:
        yield _Receiver(to, to, range(200, 300))
    elif stack.is_emulated:
        with sample_receiver() as url:
            yield _Receiver("a receiver on this machine", f"{url}/ok", range(200, 300))
    else:
        yield _Receiver("the stack's own API (4xx is expected)", f"{stack.outputs['ApiUrl']}/doctor", range(400, 500))


def _await_execution(api: Api, message_id: str, until: float) -> Mapping[str, Any] | None:
    while time.monotonic() < until:
        if found := api.get(f"/messages/{quote_segment(message_id)}/executions")["executions"]:
            execution: Mapping[str, Any] = found[0]
            return execution
        time.sleep(_POLL_SECONDS)
    return None


def _evaluate(api: Api, receiver: _Receiver, execution: Mapping[str, Any], seconds: float) -> Finding:
    reason = "" if execution["success"] else _erase(api, execution)
    result = execution["result"]
    answered = f"{result} from {receiver.name}, in {execution['duration_ms']} ms" if result else reason.rstrip(".")
    if result in receiver.results:
        return Finding(Status.OK, f"{answered}; logged after {seconds:.1f} s.")
    advice = "docs/receivers.md explains each error. To try another receiver, use --to URL."
    return Finding(Status.FAILED, f"{answered}.", advice)


def _erase(api: Api, execution: Mapping[str, Any]) -> str:
    """Erase the message, which ends its retries, and return why it failed."""
    path = f"/webhooks/{quote_segment(WEBHOOK)}/executions/{quote_segment(execution['execution_id'])}"
    error = api.get(path).get("error") or {}
    api.delete(f"/messages/{quote_segment(execution['message_id'])}/details")
    return f"{error['type']}: {error['message']}" if error else ""
