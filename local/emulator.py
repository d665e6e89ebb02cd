"""MiniStack with patches and with IAM enforced (AUTH=true).

Runs in .venv-stack. Each function below that takes `original` fixes one gap in the IAM, the EventBridge Scheduler, the
API Gateway or the Lambda of MiniStack 1.5, and replaces a function of MiniStack, which it gets as `original`. MiniStack
also extracts the layer for each process of a function: a second of CPU that holds up everything else. It starts a
process for each concurrent invocation, and a new one after each exception. It waits 50 ms for the log lines of each
invocation that has none, and parses a DynamoDB expression again for each row.
"""

import array
import fcntl
import hashlib
import json
import os
import tempfile
import termios
import time
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from functools import cache, cached_property, partial, partialmethod
from pathlib import Path
from threading import Condition, Lock
from types import SimpleNamespace
from typing import Any, Final

import boto3
from ministack import app  # type: ignore[import-not-found]
from ministack.core import iam_actions, iam_evaluator, lambda_runtime, router  # type: ignore[import-not-found]
from ministack.core.lambda_runtime import execution_credentials  # type: ignore[import-not-found]
from ministack.services import (  # type: ignore[import-not-found]
    apigateway_v1,
    dynamodb,
    eventbridge,
    lambda_svc,
    scheduler,
)

SEND_MESSAGE: Final = "arn:aws:scheduler:::aws-sdk:sqs:sendMessage"
TICK_SECONDS: Final = 1
"""How often due schedules are looked up; MiniStack's default is 10."""

LOG_SECONDS: Final = 0.25
"""The longest wait for the log lines of an invocation, as in MiniStack."""

HANDOVER_SECONDS: Final = 0.005
"""How long the thread that reads a log line may take to hand it over."""

COLD_START_SECONDS: Final = 1
"""How long an invocation waits for a process before it gets a new one, which takes about as long on a busy machine."""

_WORKER_RELEASED: Final = Condition()

Parameters = Mapping[str, Any]


def iam_action(original: Any, service: str, *others: Any) -> str | None:
    """Require the action of a single message for the batches of SQS and SNS.

    MiniStack requires an action that IAM does not have.
    """
    action: str | None = original(service, *others)
    return action.removesuffix("Batch") if service in {"sqs", "sns"} and action else action


def resource_arn(
    original: Any,
    service: str,
    method: str,
    path: str,
    headers: Parameters,
    body: bytes,
    query: Parameters,
    *others: Any,
) -> str:
    """A schedule's ARN contains its group; MiniStack always writes `default`."""
    arn: str = original(service, method, path, headers, body, query, *others)
    if service != "scheduler":
        return arn
    group = _json(body).get("GroupName") or query.get("groupName", ["default"])[0]
    return arn.replace(":schedule/default/", f":schedule/{group}/")


async def handle_schedules(
    original: Any, method: str, path: str, headers: Parameters, body: bytes, query: Parameters
) -> Any:
    """Require iam:PassRole for the role of a schedule.

    MiniStack does not check it.
    """
    if role := _json(body).get("Target", {}).get("RoleArn"):
        denied = iam_evaluator.enforce(
            router.extract_access_key_id(headers, query),
            "iam:PassRole",
            "iam",
            router.extract_region(headers, query),
            resource_arn=role,
            service_context={"iam:PassedToService": "scheduler.amazonaws.com"},
        )
        if denied:
            return iam_actions.access_denied_response(
                "scheduler", "iam:PassRole", denied.principal_arn, "", headers=headers, resource_arn=role
            )
    return await original(method, path, headers, body, query)


def invoke_target(original: Any, target: Parameters, *others: Any) -> None:
    """Call SendMessage with the target's input and role, as Scheduler does.

    Passes every other target to MiniStack, which ignores a schedule with a universal target, one that calls AWS.
    """
    if target.get("Arn") != SEND_MESSAGE:
        original(target, *others)
        return
    endpoint = f"http://{os.environ['BIND_HOST']}:{os.environ['GATEWAY_PORT']}"
    sqs = _session(target["RoleArn"]).client("sqs", endpoint_url=endpoint)
    sqs.send_message(**json.loads(target["Input"]))


def pin_request_origin(original: Any, source_ip: str, secure_transport: bool) -> None:  # noqa: ARG001
    """Treat every request as sent over TLS.

    The queues' policies require TLS, but the local AWS speaks plain HTTP.
    """
    original(source_ip, True)


def _json(body: bytes) -> dict[str, Any]:
    content = json.loads(body or b"{}")
    return content if isinstance(content, dict) else {}


def _session(role_arn: str) -> boto3.Session:
    """Assume a role without checking its trust policy.

    MiniStack does the same for a function.
    """
    account = role_arn.split(":")[4]
    own_arn = f"arn:aws:lambda:{os.environ['MINISTACK_REGION']}:{account}:function:scheduler"
    credentials = execution_credentials({"FunctionArn": own_arn, "FunctionName": "scheduler", "Role": role_arn})
    return boto3.Session(**{name.lower(): value for name, value in credentials.items()})


def matches_media_type(original: Any, media_type: str, binary_media_types: list[str]) -> bool:
    """Compare with binary media types of CloudFormation, which has `~1` for slashes."""
    return bool(original(media_type, [each.replace("~1", "/") for each in binary_media_types]))


def count_batches(original: Any, mapping: Any, function: Any, config: Any, queue: Any = None) -> int:  # noqa: ARG001
    """Let a FIFO queue have as many batches in flight as a standard queue.

    MiniStack allows one, although its queue delivers no message of a group that has one in flight.
    """
    return int(original(mapping, function, config))


def read_log(worker: Any) -> str:
    """Return the lines that a function's process has logged during an invocation.

    The pipe shows whether there is more to read. A process that was killed has none.
    """
    deadline, process = time.monotonic() + LOG_SECONDS, worker._proc  # noqa: SLF001
    while process and _count_unread(process.stderr.fileno()) and time.monotonic() < deadline:
        time.sleep(0.001)
    time.sleep(HANDOVER_SECONDS)
    return str(worker._drain_stderr())  # noqa: SLF001


def _count_unread(pipe: int) -> int:
    count = array.array("i", [0])
    fcntl.ioctl(pipe, termios.FIONREAD, count)
    return count[0]


def invalidate_workers(original: Any, function: str, *others: Any, **scope: Any) -> None:
    """Let busy processes finish when a function changes, as Lambda does.

    MiniStack kills them, and deletes the files of one that is starting.
    """
    with lambda_runtime._lock:  # noqa: SLF001
        for workers in lambda_runtime._workers.values():  # noqa: SLF001
            for worker in [each for each in workers if each.in_use and each.func_name == function]:
                worker.is_outdated = True
                workers.remove(worker)
    original(function, *others, **scope)
    with _WORKER_RELEASED:
        _WORKER_RELEASED.notify_all()


def acquire_worker(original: Any, function: str, config: Any, *others: Any, qualifier: str, **limits: Any) -> Any:
    """Wait a moment for a process of the function to become free before another one is started.

    MiniStack starts one for each concurrent invocation, so that a burst of short ones starts many.
    """
    key = lambda_runtime._worker_key(function, config, qualifier)  # noqa: SLF001

    def is_free_or_first() -> bool:
        workers = lambda_runtime._workers.get(key)  # noqa: SLF001
        return not workers or any(not worker.in_use for worker in workers)

    with _WORKER_RELEASED:
        _WORKER_RELEASED.wait_for(is_free_or_first, COLD_START_SECONDS)
        return original(function, config, *others, qualifier=qualifier, **limits)


def release_worker(original: Any, worker: Any) -> None:
    """End a process that was busy when its function changed."""
    with _WORKER_RELEASED:
        original(worker)
        _WORKER_RELEASED.notify_all()
    if getattr(worker, "is_outdated", False):
        worker.kill()


def invoke(original: Any, worker: Any, *others: Any, **context: Any) -> Any:
    """Keep the process after an exception of its handler, as Lambda does; MiniStack ends it."""
    response = original(worker, *others, **context)
    return {**response, "status": "error"} if "trace" in response else response


def fix_ministack() -> None:
    """Replace functions of MiniStack, which has no hooks."""
    for module, name, replacement in (
        (iam_actions, "extract_iam_action", iam_action),
        (iam_actions, "extract_resource_arn", resource_arn),
        (scheduler, "handle_request", handle_schedules),
        (eventbridge, "_invoke_target", invoke_target),
        (app, "pin_request_origin", pin_request_origin),
        (apigateway_v1, "_media_type_matches", matches_media_type),
        (lambda_svc, "_sqs_esm_concurrency", count_batches),
        (lambda_svc, "invalidate_worker", invalidate_workers),
        (lambda_svc, "acquire_worker", acquire_worker),
        (lambda_svc, "release_worker", release_worker),
    ):
        setattr(module, name, partial(replacement, getattr(module, name)))
    for name in ("_tokenize", "_condition_syntax_error"):
        setattr(dynamodb, name, cache(getattr(dynamodb, name)))
    lambda_runtime.Worker._drain_stderr_bounded = read_log  # noqa: SLF001
    lambda_runtime.Worker.invoke = partialmethod(partial(invoke, lambda_runtime.Worker.invoke))
    lambda_runtime._PYTHON_WORKER_SCRIPT = _change_script(lambda_runtime._PYTHON_WORKER_SCRIPT)  # noqa: SLF001
    scheduler._SCHEDULE_TICK_INTERVAL = TICK_SECONDS  # noqa: SLF001
    lambda_runtime.zipfile = SimpleNamespace(**{**vars(zipfile), "ZipFile": ExtractedOnce, "LargeFileError": OSError})


def _change_script(script: str) -> str:
    """Change what runs in a function's process.

    An exception of the handler becomes a result: see `invoke`. Without MiniStack's counter of recursive invocations, a
    function that does not use botocore does not import it. Hooklog's functions do not invoke each other.
    """
    changes = {
        "    _ms_install_invoke_depth()\n": "",
        '"status": "error", "error": str(e), "trace"': '"status": "ok", "error": str(e), "trace"',
    }
    for old, new in changes.items():
        if script.count(old) != 1:
            raise RuntimeError(
                f"MiniStack's worker script contains this {script.count(old)} times instead of once: {old}"
            )
        script = script.replace(old, new)
    return script


class ExtractedOnce(zipfile.ZipFile):
    """An archive whose content is extracted only once.

    Each target is a symbolic link to the folder with the content.
    """

    _one_extraction = Lock()  # not `_lock`: ZipFile sets an attribute of that name, a lock for each archive

    def namelist(self) -> list[str]:
        """Return no names once the content is extracted, so that MiniStack does not check each path again."""
        return [] if self._folder.exists() else super().namelist()

    def extractall(self, path: Any = None, *others: Any) -> None:
        with self._one_extraction:
            if not self._folder.exists():
                unfinished = tempfile.mkdtemp()
                super().extractall(unfinished, *others)
                with suppress(OSError):  # another local AWS was faster
                    Path(unfinished).rename(self._folder)
        Path(path).rmdir()
        Path(path).symlink_to(self._folder)

    @cached_property
    def _folder(self) -> Path:
        """Return the folder of the content, named after its files' names, sizes and checksums."""
        files = [(file.filename, file.file_size, file.CRC) for file in self.infolist()]
        return Path(tempfile.gettempdir(), f"extracted-{hashlib.sha256(repr(files).encode()).hexdigest()}")


if __name__ == "__main__":
    fix_ministack()
    app.main()
