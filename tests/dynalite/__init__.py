"""A second implementation of DynamoDB: dynalite, written for Node.js.

It validates requests and counts capacity like DynamoDB. `make test-dynamodb` installs it and runs tests/integration
against it. It has neither transactions nor expiry.
https://github.com/architect/dynalite
"""

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from tests.proxy import JSON, AwsRequest, AwsResponse, Proxy

IS_WANTED: Final = os.environ.get("TEST_DYNAMODB") == "dynalite"
START_SECONDS: Final = 60
_CLI: Final = Path(__file__).parent / "node_modules" / "dynalite" / "cli.js"


class Router(Proxy):
    """Forwards DynamoDB's requests to `dynamodb` and all others to `endpoint`."""

    def __init__(self, endpoint: str, dynamodb: str) -> None:
        super().__init__(endpoint)
        self._dynamodb = dynamodb

    def respond(self, request: AwsRequest) -> AwsResponse:
        if not request.headers.get("X-Amz-Target", "").startswith("DynamoDB_"):
            return self.forward(request)
        if request.operation == "UpdateTimeToLive":
            return AwsResponse(200, request.body, JSON)
        return self.forward(request, self._dynamodb)


@contextmanager
def dynalite() -> Iterator[str]:
    """Run dynalite and yield its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    timings = [option for table in ("create", "delete", "update") for option in (f"--{table}TableMs", "0")]
    command = ["node", str(_CLI), "--host", "127.0.0.1", "--port", str(port), *timings]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            _wait_for(port, process)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def _wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    ends = time.monotonic() + START_SECONDS
    while time.monotonic() < ends:
        assert process.poll() is None, "dynalite ended: run `make test-dynamodb`, which installs it"
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError(f"dynalite did not start within {START_SECONDS} s")


def empty(dynamodb: Any, table: str) -> None:
    """Delete every item of a table."""
    keys = [key["AttributeName"] for key in dynamodb.describe_table(TableName=table)["Table"]["KeySchema"]]
    pages = dynamodb.get_paginator("scan").paginate(TableName=table)
    items = [{key: item[key] for key in keys} for page in pages for item in page["Items"]]
    for start in range(0, len(items), 25):
        requests = [{"DeleteRequest": {"Key": key}} for key in items[start : start + 25]]
        dynamodb.batch_write_item(RequestItems={table: requests})
