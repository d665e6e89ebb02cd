"""Tests of what the deployed functions write to CloudWatch.

It is enough to follow a webhook, and contains nothing of its content.
"""

import json
from typing import Any

from tests.deployment import Deployment, Receiver, headers_of, lines, received, until
from tests.leaks import PLANTED, found_in

TRACE_ID = "6743a1b04f3c2a1d5e6b7a8c9d0e1f2a"
SPAN_ID = "53995c3f42cd8ad8"
XRAY = f"Root=1-{TRACE_ID[:8]}-{TRACE_ID[8:]};Parent={SPAN_ID};Sampled=1"


def failures(webhook_id: str) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in lines() if f'"webhook_id":"{webhook_id}"' in line and "_aws" not in line]
    return [line for line in found if line["event"] == "execution_failed"]


def test_a_failure_can_be_traced_and_no_line_contains_a_secret(
    deployment: Deployment, receiver_process: Receiver, webhook_id: str
) -> None:
    path = f"/sequence/{webhook_id}"
    message = {
        "webhook_id": webhook_id,
        "message_id": "msg_1",
        "url": f"{receiver_process['http_url']}{path}?codes=410&body={PLANTED}",
        "headers": {"Authorization": f"Bearer {PLANTED}", "X-Shop": PLANTED},
        "payload": {PLANTED: PLANTED},
    }
    header: Any = {"AWSTraceHeader": {"DataType": "String", "StringValue": XRAY}}
    deployment.sqs.send_message(
        QueueUrl=deployment.outputs["QueueUrl"],
        MessageBody=json.dumps(message),
        MessageGroupId=webhook_id,
        MessageSystemAttributes=header,
    )
    poison = [{**message, "webhook_id": f"{webhook_id} ", "url": 1}, {**message, "headers": PLANTED}]
    deployment.enqueue(webhook_id, *poison, f'{{"payload": "{PLANTED}')
    assert deployment.get(f"/webhooks/{webhook_id}/executions", token=PLANTED).status_code == 401
    (line,) = until(lambda: failures(webhook_id), bool)
    assert (line["message_id"], line["trigger"], line["status_class"]) == ("msg_1", "event", "4xx")
    assert line["trace_id"] == TRACE_ID
    (sent,) = received(receiver_process, path)
    assert headers_of(sent)["traceparent"] == f"00-{TRACE_ID}-{SPAN_ID}-01"
    written = "\n".join(until(lines, lambda found: sum("dead-letter queue" in line for line in found) >= 3))
    assert '"Namespace":"Hooklog"' in written
    assert not found_in([written])
    for secret in credentials(deployment):
        assert secret not in written


def credentials(deployment: Deployment) -> tuple[str, str]:
    return deployment.outputs["Token"], deployment.outputs["SigningKey"]
