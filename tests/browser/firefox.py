"""Firefox, driven by its own protocol, Marionette. Playwright drives only recent versions of an unmodified Firefox.

https://firefox-source-docs.mozilla.org/testing/marionette/Protocol.html
"""

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

PATH = shutil.which("firefox") or shutil.which("firefox-esr")
START_SECONDS = 60.0


class Firefox:
    """A window of Firefox."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=START_SECONDS)
        self._stream = self._socket.makefile("rwb")
        self._read()
        self._call("WebDriver:NewSession", capabilities={"alwaysMatch": {"acceptInsecureCerts": True}})

    def open(self, url: str) -> None:
        self._call("WebDriver:Navigate", url=url)

    def run(self, script: str) -> Any:
        """Run the body of an async function and return what it returns."""
        body = f"return (async () => {{ {script} }})()"
        return self._call("WebDriver:ExecuteScript", script=body, args=[])["value"]

    def close(self) -> None:
        self._call("Marionette:Quit", flags=["eForceQuit"])
        self._stream.close()
        self._socket.close()

    def _call(self, command: str, **parameters: Any) -> Any:
        body = json.dumps([0, 1, command, parameters]).encode()
        self._stream.write(b"%d:%s" % (len(body), body))
        self._stream.flush()
        _, _, error, result = self._read()
        assert error is None, error
        return result

    def _read(self) -> Any:
        length = b""
        while (digit := self._stream.read(1)) != b":":
            assert digit, "Firefox has closed the connection"
            length += digit
        return json.loads(self._stream.read(int(length)))


@contextmanager
def firefox(profile: Path) -> Iterator[Firefox]:
    """Run it, headless and with a new profile."""
    assert PATH
    (profile / "user.js").write_text(
        'user_pref("marionette.port", 0);\nuser_pref("app.update.disabledForTesting", true);'
    )
    command = [PATH, "--headless", "--marionette", "--no-remote", "--profile", str(profile)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            browser = Firefox(_wait_for_port(profile / "MarionetteActivePort"))
            with closing(browser):
                yield browser
        finally:
            process.terminate()


def _wait_for_port(file: Path) -> int:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if file.exists() and (port := file.read_text()):
            return int(port)
        time.sleep(0.05)
    raise TimeoutError("Firefox does not start")
