"""Bodies of BatchWriteItem are what botocore writes."""

import io
import json
from typing import Any

import botocore.session
import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.config import Config
from urllib3 import HTTPResponse

from hooklog.dynamodb_requests import write_bodies
from tests.moto_server import CREDENTIALS

ITEM: dict[str, Any] = {
    "webhook_id": {"S": "acme.\u00e4\U0001f600"},
    "attempt": {"N": "1"},
    "exhausted": {"BOOL": True},
    "content": {"B": b"\x1f\x8b\x00\xff"},
}
REQUESTS: dict[str, dict[str, Any]] = {
    "two tables": {
        "RequestItems": {
            "ExecutionDetails": [{"PutRequest": {"Item": ITEM}}],
            "Executions": [{"PutRequest": {"Item": ITEM}}, {"DeleteRequest": {"Key": {"webhook_id": {"S": "a"}}}}],
        }
    },
    "another parameter": {
        "RequestItems": {"Executions": [{"PutRequest": {"Item": {"webhook_id": {"S": "a"}}}}]},
        "ReturnConsumedCapacity": "TOTAL",
    },
}


@pytest.fixture(scope="module")
def clients() -> tuple[Any, Any]:
    """A client that writes bodies with this module, and one that does not."""
    session = botocore.session.get_session()
    session.set_credentials(CREDENTIALS["AWS_ACCESS_KEY_ID"], CREDENTIALS["AWS_SECRET_ACCESS_KEY"])
    config = Config(parameter_validation=False)
    ours, botocores = (session.create_client("dynamodb", "eu-west-1", config=config) for _ in range(2))
    write_bodies(ours)
    return ours, botocores


def send(client: Any, parameters: dict[str, Any]) -> Any:
    """Return the signed request that the client would send."""
    sent: list[AWSPreparedRequest] = []

    def answer(request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        sent.append(request)
        return AWSResponse(request.url, 200, HTTPHeaders(), HTTPResponse(io.BytesIO(b"{}"), preload_content=False))

    client.meta.events.register("before-send.dynamodb", answer)
    client.batch_write_item(**parameters)
    client.meta.events.unregister("before-send.dynamodb", answer)
    return sent[0]


@pytest.mark.parametrize("name", REQUESTS)
def test_a_body_is_what_botocore_writes(clients: tuple[Any, Any], name: str) -> None:
    ours, botocores = (send(client, REQUESTS[name]) for client in clients)
    assert json.loads(ours.body) == json.loads(botocores.body)
    assert ours.url == botocores.url
    assert ours.headers.keys() == botocores.headers.keys()
    assert int(ours.headers["Content-Length"]) == len(ours.body)
