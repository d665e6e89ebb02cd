"""Tests of the command line as an on-call engineer uses it.

It runs as a process against the deployed local stack.
"""

import json
import os
import signal
import subprocess
from datetime import UTC, datetime
from typing import Any

import pytest
import requests
from standardwebhooks import Webhook as Verifier

from cli.failure import ExitCode
from hooklog.executions.execution import generate_execution_id
from hooklog.executions.log import Put
from hooklog.queues.pending import to_body
from local import places
from tests.deployment import Deployment, Receiver, until

Environment = dict[str, str]
NONE: Environment = {}

HOOKLOG = places.DEV_BIN / "hooklog"


def hooklog(
    *words: str, code: ExitCode = ExitCode.OK, text: str = "", environment: Environment = NONE
) -> list[dict[str, Any]]:
    """Run a command with --json and return what it prints.

    It runs outside the repository, with the given credentials.
    """
    ended = subprocess.run(
        [HOOKLOG, "--json", *words],
        input=text,
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
        cwd="/",
        env={name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "HOOKLOG_STACK"))}
        | environment,
    )
    assert ended.returncode == code, ended.stderr
    assert "Traceback" not in ended.stderr
    assert bool(ended.stderr) == (code != ExitCode.OK), ended.stderr
    return [json.loads(line) for line in ended.stdout.splitlines()]


def test_redrive_logs_an_execution_from_the_dead_letters(deployment: Deployment, webhook_id: str) -> None:
    execution_id = generate_execution_id(datetime.now(UTC))
    texts = {"webhook_id": webhook_id, "executed_at": execution_id, "message_id": "msg_1"}
    numbers = {"attempt": "1", "result": "200", "duration_ms": "1", "expires_at": "4000000000"}
    item = {name: {"S": value} for name, value in texts.items()} | {n: {"N": value} for n, value in numbers.items()}
    body = to_body(Put(deployment.outputs["ExecutionsTable"], item, 0))
    deployment.sqs.send_message(QueueUrl=deployment.outputs["UnloggedDeadLetterQueueUrl"], MessageBody=body)
    (moved,) = hooklog("redrive", "log")
    assert moved["moved"] >= 1
    (shown,) = deployment.wait_for_history(webhook_id, 1)
    assert (shown["execution_id"], shown["result"]) == (execution_id, 200)


def test_an_incident_is_found_and_resolved(deployment: Deployment, receiver_process: Receiver, webhook_id: str) -> None:
    url = f"{receiver_process['http_url']}/sequence/{webhook_id}?codes=410,200"
    (sent,) = hooklog(
        "send", "--webhook", webhook_id, "--url", url, "--event", "order.paid", "--payload", '{"order": 1}'
    )
    (failed,) = hooklog("tail", webhook_id, "--count", "1", "--within", "60s")
    assert (failed["message_id"], failed["event_type"], failed["result"]) == (sent["message_id"], "order.paid", 410)
    (shown,) = hooklog("show", webhook_id, failed["execution_id"])
    assert (shown["url"], shown["request_body"]) == (url, '{"order":1}')
    assert [one["execution_id"] for one in hooklog("failures", webhook_id)] == [failed["execution_id"]]
    lines = until(
        lambda: [one for one in hooklog("failures", "--limit", "100000") if one["webhook_id"] == webhook_id], bool
    )
    assert [(one["execution_id"], one["executed_at"]) for one in lines] == [
        (failed["execution_id"], failed["executed_at"])
    ]
    (figures,) = hooklog("top", "--once", "--window", "1h")
    assert {"webhook_id": webhook_id, "failures": 1, "reasons": {"410": 1}} in figures["webhooks"]
    assert hooklog("resend", webhook_id, failed["execution_id"]) == [{"message_id": sent["message_id"]}]
    *_, resolved = hooklog("tail", webhook_id, "--count", "2", "--within", "60s")
    assert (resolved["trigger"], resolved["success"]) == ("resend", True)
    assert hooklog("resend", webhook_id, resolved["execution_id"], code=ExitCode.CONFLICT) == []
    hours = until(
        lambda: hooklog("stats", webhook_id, "--since", "1h"), lambda found: sum(one["succeeded"] for one in found) == 1
    )
    assert (sum(one["failed"] for one in hours), len(hours)) == (1, 2)


def test_recover_resends_everything_that_failed(
    deployment: Deployment, receiver_process: Receiver, webhook_id: str
) -> None:
    message = {"webhook_id": webhook_id, "url": f"{receiver_process['http_url']}/status/410"}
    lines = [json.dumps({**message, "message_id": f"m{number}", "payload": number}) for number in range(12)]
    assert [one["message_id"] for one in hooklog("send", "-", text="\n".join(lines))] == [f"m{n}" for n in range(12)]
    deployment.wait_for_history(webhook_id, 12)
    for option, queued in (("--dry-run", 0), ("--yes", 12)):
        (recovery,) = hooklog("recover", webhook_id, "--since", "1h", option)
        assert (recovery["status"], recovery["found"], recovery["queued"]) == ("done", 12, queued)


def test_a_token_grants_only_what_it_names(deployment: Deployment, webhook_id: str) -> None:
    (minted,) = hooklog("token", webhook_id, "--scope", "executions:read", "--expires", "5m")
    path = f"/webhooks/{webhook_id}"
    assert deployment.get(f"{path}/executions", token=minted["token"]).status_code == 200
    assert deployment.get(f"{path}x/executions", token=minted["token"]).status_code == 403
    assert deployment.get(path, token=minted["token"]).status_code == 403


def test_webhooks_in_another_tenants_topic_are_found(deployment: Deployment, webhook_id: str) -> None:
    """They are registered with a token for all webhooks; the stack also has webhooks of other tests."""
    url = f"{deployment.outputs['ApiUrl']}/webhooks/{webhook_id}"
    headers = {"Authorization": f"Bearer {deployment.outputs['Token']}"}
    fields = {"url": "https://1.1.1.1/hooks", "topic": f"other-{webhook_id}"}
    assert requests.put(url, json=fields, headers=headers, timeout=60).status_code == 201
    found = hooklog("topics", code=ExitCode.FAILED)
    assert {"webhook_id": webhook_id, **fields, "enabled": False} in found
    assert requests.delete(url, headers=headers, timeout=60).status_code == 204


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("show no.such 20260101T000000.000000Z-00000000", ExitCode.NOT_FOUND),
        ("send --webhook no.such --url https://x.example/ --timeout 99", ExitCode.USAGE),
        ("token *.* --scope executions:read", ExitCode.USAGE),
        ("tail no.such --count 1 --within 1s", ExitCode.FAILED),
    ],
)
def test_a_failure_has_its_exit_code(deployment: Deployment, words: str, code: ExitCode) -> None:
    assert hooklog(*words.split(), code=code) == []


ONLY_ON_AWS = {"network", "concurrency", "recursion", "alarms", "alarm subscribers", "point-in-time recovery", "drift"}


def test_the_deployed_stack_passes_every_check(deployment: Deployment) -> None:
    """Except for dead letters and expiring certificates, which other tests leave."""
    rows = {row["check"]: row for row in hooklog("doctor")}
    assert {name for name, row in rows.items() if row["status"] == "unknown"} == ONLY_ON_AWS
    for name in ("dead letters", "client certificates"):
        assert rows.pop(name)["status"] in {"ok", "warning"}
    others = {"stack", "event sources", "deletion protection", "layer bytecode", "signing key", "webhook"}
    assert {name for name, row in rows.items() if row["status"] == "ok"} == others
    assert rows["webhook"]["found"].startswith("200 from a receiver on this machine")


def test_a_failing_webhook_is_reported_and_not_retried(deployment: Deployment, receiver_process: Receiver) -> None:
    url = f"{receiver_process['http_url']}/status/503"
    *_, row = hooklog("doctor", "--to", url, code=ExitCode.FAILED)
    assert (row["check"], row["status"]) == ("webhook", "failed")
    assert row["found"].startswith(f"503 from {url}")
    (execution, *_) = deployment.wait_for_history("hooklog.doctor", 1)
    assert (execution["result"], execution["erased"]) == (503, True)


@pytest.mark.parametrize("ends", [ExitCode.INTERRUPTED, ExitCode.OK])
def test_an_endless_command_ends_quietly(deployment: Deployment, ends: ExitCode) -> None:
    """End the command with Ctrl-C, or by closing the pipe.

    The reader closes it in `hooklog --json top | head -1`.
    """
    command = [str(HOOKLOG), "--json", "top", "--every", "1s"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stderr
        assert "success_rate" in json.loads(process.stdout.readline())
        if ends == ExitCode.INTERRUPTED:
            process.send_signal(signal.SIGINT)
        else:
            process.stdout.close()
        assert process.wait(60) == ends
        assert process.stderr.read() == ""


def test_a_webhook_is_replayed_to_a_local_server(
    deployment: Deployment, receiver_process: Receiver, webhook_id: str
) -> None:
    """Register it, listen, send a message, and end with Ctrl-C. The receiver is also the local server."""
    failing, local = (f"{receiver_process['http_url']}/{path}/{webhook_id}" for path in ("status/410", "status/200"))
    (created,) = hooklog("webhooks", "set", webhook_id, "--url", failing, "--header", "Authorization: x", "--enabled")
    command = [str(HOOKLOG), "listen", webhook_id, "--forward-to", local]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stderr
        while not process.stderr.readline().startswith("Forwarding "):
            pass
        (sent,) = hooklog("send", "--webhook", webhook_id, "--event", "order.paid", "--payload", '{"order":1}')
        assert process.stdout.readline().split("\t")[1:-1] == [sent["message_id"], "order.paid", "event 1", "200"]
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == ExitCode.OK
        assert process.stderr.read().endswith("Replayed 1 execution: 1 answered 2xx\n")
    found = requests.get(f"{receiver_process['http_url']}/_received?path=/status/200/{webhook_id}", timeout=60).json()
    (received,) = found
    headers = {name.lower(): value for name, value in received["headers"]}
    assert "authorization" not in headers
    Verifier(created["secret"]).verify(json.dumps({"order": 1}, separators=(",", ":")), headers)


def test_a_stack_is_found_by_its_name_with_the_users_credentials(deployment: Deployment, webhook_id: str) -> None:
    """Look up the stack's outputs and key in AWS's services.

    The local AWS stands in for AWS; .local/outputs.json is not used.
    """
    no_credentials = {
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    credentials = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    endpoint = {**no_credentials, "AWS_ENDPOINT_URL": deployment.outputs["EndpointUrl"]}
    named = ("--stack", places.STACK_NAME, "--region", places.REGION)
    (minted,) = hooklog("token", webhook_id, *named, environment={**endpoint, **credentials})
    assert deployment.get(f"/webhooks/{webhook_id}/executions", token=minted["token"]).status_code == 200
    hooklog("token", webhook_id, *named, code=ExitCode.NOT_ALLOWED, environment=endpoint)
    unknown = ("--stack", "no-such-stack", "--region", places.REGION)
    hooklog("token", webhook_id, *unknown, code=ExitCode.NOT_FOUND, environment={**endpoint, **credentials})
