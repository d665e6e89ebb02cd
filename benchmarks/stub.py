"""A stub of receivers and DynamoDB in its own process.

It keeps the work of others out of the sender's measurements. It answers a webhook with an empty body, and with the
status or after the milliseconds that its path names. It answers BatchWriteItem as if every item were stored, and counts
both. It answers other operations of DynamoDB with what it was given for them.
"""

import asyncio
import base64
import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar
from urllib.parse import quote, unquote

import requests


@dataclass(slots=True)
class Counts:
    """The number of webhooks delivered and of items written to the log."""

    webhooks: int = 0
    items: int = 0


@dataclass(frozen=True, slots=True)
class Stub:
    """A running stub."""

    base: str

    def answer_with(self, request: str, response: Mapping[str, Any]) -> None:
        """Answer DynamoDB's requests of this kind with this response: `Query Executions` or `BatchGetItem`."""
        body = json.dumps(response, default=_encode_binary)
        requests.post(f"{self.base}/answer/{quote(request)}", data=body, timeout=5)

    def counts(self) -> Counts:
        """Return the counts since the last call."""
        return Counts(**requests.get(f"{self.base}/counts", timeout=5).json())


_ALL_STORED = b'{"UnprocessedItems":{}}'


class _Exchange(asyncio.Protocol):
    counts = Counts()
    answers: ClassVar[dict[str, bytes]] = {}
    """By the kind of request."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._buffer = b""

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, blank, rest = self._buffer.partition(b"\r\n\r\n")
        length = _content_length(head)
        if blank and len(rest) >= length:
            self._buffer = rest[length:]
            self._answer(head, rest[:length])

    def _answer(self, head: bytes, body: bytes) -> None:
        _, kind, *rest = head.split(b" ", 2)[1].decode().split("/")
        match kind:
            case "status":
                self._answer_webhook(_build_response(int(rest[0])), 0)
            case "delay":
                self._answer_webhook(_build_response(200), int(rest[0]))
            case "counts":
                self._transport.write(_build_response(200, json.dumps(asdict(self.counts)).encode()))
                _Exchange.counts = Counts()
            case "answer":
                self.answers[unquote(rest[0])] = body
                self._transport.write(_build_response(200))
            case _:
                self.counts.items += body.count(b'"PutRequest"')
                self._transport.write(_build_response(200, self._find_answer(head, body)))

    def _find_answer(self, head: bytes, body: bytes) -> bytes:
        for request, answer in self.answers.items():
            operation, _, table = request.encode().partition(b" ")
            if b".%b\r\n" % operation in head and table in body:
                return answer
        return _ALL_STORED

    def _answer_webhook(self, response: bytes, delay_ms: int) -> None:
        self.counts.webhooks += 1
        if delay_ms:
            asyncio.get_running_loop().call_later(delay_ms / 1000, self._transport.write, response)
        else:
            self._transport.write(response)


def _build_response(status: int, body: bytes = b"") -> bytes:
    return b"HTTP/1.1 %d Stub\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body)


def _encode_binary(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _content_length(head: bytes) -> int:
    _, found, rest = head.lower().partition(b"\r\ncontent-length:")
    return int(rest.split(b"\r\n", 1)[0]) if found else 0


async def _serve() -> None:
    server = await asyncio.get_running_loop().create_server(_Exchange, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@contextlib.contextmanager
def run_stub() -> Iterator[Stub]:
    """Run the stub in its own process."""
    with subprocess.Popen([sys.executable, "-m", "benchmarks.stub"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield Stub(f"http://127.0.0.1:{int(process.stdout.readline())}")
        finally:
            process.terminate()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve())
