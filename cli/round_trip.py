"""One webhook through the real queue, and its execution through the API."""

import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from cli.api import Api, part
from cli.findings import Finding, Status, Subject
from cli.sending import send_messages
from hooklog.access.grants import Scope
from local.receiver import sample_receiver

WEBHOOK: Final = "hooklog.doctor"
WAIT_SECONDS: Final = 60.0
_POLL_SECONDS: Final = 0.5
_SCOPES: Final = f"{Scope.EXECUTIONS_READ} {Scope.WEBHOOKS_MANAGE}"


@dataclass(frozen=True, slots=True)
class _Receiver:
    """Where the webhook goes, and which result says that it came there."""

    name: str
    url: str
    results: range


def round_trip(subject: Subject, to: str | None, seconds: float = WAIT_SECONDS) -> Finding:
    """Send a webhook to this URL, or to a receiver of our own, and wait for its execution for so many seconds.

    A failure is erased, which ends its retries. Raises CliFailure, NotQueued and what boto3 raises.
    """
    with _receiver(subject, to) as receiver:
        message_id = f"doctor_{uuid.uuid4().hex}"
        fields = {"webhook_id": WEBHOOK, "url": receiver.url, "event_type": WEBHOOK, "payload": {"hooklog": "doctor"}}
        started = time.monotonic()
        send_messages(subject.client("sqs"), subject.stack.outputs["QueueUrl"], [{"message_id": message_id, **fields}])
        api = Api(subject.stack, _SCOPES)
        execution = _awaited(api, message_id, started + seconds)
        if execution is None:
            found = f"Queued {message_id}, and no execution within {seconds:g} s."
            return Finding(
                Status.FAILED, found, "Is the queue long? hooklog top, then docs/operations.md#oldestmessage"
            )
        return _judged(api, receiver, execution, time.monotonic() - started)


@contextmanager
def _receiver(subject: Subject, to: str | None) -> Iterator[_Receiver]:
    """On AWS, the stack's own API: it has no such endpoint, and whatever answers has been reached."""
    if to is not None:
        yield _Receiver(to, to, range(200, 300))
    elif subject.is_emulated:
        with sample_receiver() as url:
            yield _Receiver("a receiver on this machine", f"{url}/ok", range(200, 300))
    else:
        yield _Receiver(
            "the stack's own API, which takes no webhooks", f"{subject.stack.outputs['ApiUrl']}/doctor", range(400, 500)
        )


def _awaited(api: Api, message_id: str, until: float) -> Mapping[str, Any] | None:
    while time.monotonic() < until:
        if found := api.get(f"/messages/{part(message_id)}/executions")["executions"]:
            execution: Mapping[str, Any] = found[0]
            return execution
        time.sleep(_POLL_SECONDS)
    return None


def _judged(api: Api, receiver: _Receiver, execution: Mapping[str, Any], seconds: float) -> Finding:
    reason = "" if execution["success"] else _erased(api, execution)
    result = execution["result"]
    answered = f"{result} from {receiver.name}, in {execution['duration_ms']} ms" if result else reason.rstrip(".")
    if result in receiver.results:
        return Finding(Status.OK, f"{answered}; logged after {seconds:.1f} s.")
    advice = "docs/receivers.md explains each error; --to URL sends to another receiver."
    return Finding(Status.FAILED, f"{answered}.", advice)


def _erased(api: Api, execution: Mapping[str, Any]) -> str:
    """Why it failed; the message is erased then, so that nothing is sent again."""
    path = f"/webhooks/{part(WEBHOOK)}/executions/{part(execution['execution_id'])}"
    error = api.get(path).get("error") or {}
    api.delete(f"/messages/{part(execution['message_id'])}/details")
    return f"{error['type']}: {error['message']}" if error else ""
