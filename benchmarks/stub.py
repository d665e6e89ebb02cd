"""A stub of receivers and DynamoDB in its own process.

It keeps the work of others out of the sender's measurements. It answers a webhook with an empty body, and with the
status or after the milliseconds that its path names. It answers BatchWriteItem as if every item were stored. It counts
both.
"""

import asyncio
import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass

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

    def counts(self) -> Counts:
        """Return the counts since the last call."""
        return Counts(**requests.get(f"{self.base}/counts", timeout=5).json())


_ALL_STORED = b'{"UnprocessedItems":{}}'


class _Exchange(asyncio.Protocol):
    counts = Counts()

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
            self._answer(head.split(b" ", 2)[1].decode(), rest[:length])

    def _answer(self, path: str, body: bytes) -> None:
        _, kind, *rest = path.split("/")
        match kind:
            case "status":
                self._answer_webhook(_build_response(int(rest[0])), 0)
            case "delay":
                self._answer_webhook(_build_response(200), int(rest[0]))
            case "counts":
                self._transport.write(_build_response(200, json.dumps(asdict(self.counts)).encode()))
                _Exchange.counts = Counts()
            case _:
                self.counts.items += body.count(b'"PutRequest"')
                self._transport.write(_build_response(200, _ALL_STORED))

    def _answer_webhook(self, response: bytes, delay_ms: int) -> None:
        self.counts.webhooks += 1
        if delay_ms:
            asyncio.get_running_loop().call_later(delay_ms / 1000, self._transport.write, response)
        else:
            self._transport.write(response)


def _build_response(status: int, body: bytes = b"") -> bytes:
    return b"HTTP/1.1 %d Stub\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body)


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
