"""A stub that accepts everything at once, in a process of its own, so that only the sender's work is counted.

It answers each POST with 200: a webhook's with an empty body (after a delay, if its path names one in
milliseconds), DynamoDB's with what BatchWriteItem answers when all was taken.
"""

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import Iterator

_EMPTY = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
_TAKEN = (
    b'HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: 23\r\n\r\n{"UnprocessedItems":{}}'
)


class _Stub(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._buffer = b""

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, blank, rest = self._buffer.partition(b"\r\n\r\n")
        if not blank or len(rest) < _content_length(head):
            return
        self._buffer = rest[_content_length(head) :]
        path = head.split(b" ", 2)[1]
        if path.startswith(b"/delay/"):
            loop = asyncio.get_running_loop()
            loop.call_later(int(path.rpartition(b"/")[2]) / 1000, self._transport.write, _EMPTY)
        else:
            self._transport.write(_EMPTY if path.startswith(b"/hook") else _TAKEN)


def _content_length(head: bytes) -> int:
    _, found, rest = head.lower().partition(b"\r\ncontent-length:")
    return int(rest.split(b"\r\n", 1)[0]) if found else 0


async def _serve() -> None:
    server = await asyncio.get_running_loop().create_server(_Stub, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@contextlib.contextmanager
def stub() -> Iterator[str]:
    """The stub's base URL, for as long as it runs."""
    with subprocess.Popen([sys.executable, "-m", "benchmarks.stub"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        process.terminate()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve())
