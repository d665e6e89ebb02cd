"""Starts and stops the local stack."""

import contextlib
import fcntl
import shutil
from collections.abc import Iterator

from local import deployment, ministack, places
from local.outputs import Outputs, read_outputs, write_outputs
from local.progress import show_step


def up() -> Outputs:
    """Start the local AWS unless it runs, and deploy unless nothing has changed."""
    with _lock():
        running = _find_running_on_port()
        if running is not None and deployment.is_deployed(running) and places.OUTPUTS.exists():
            return read_outputs()
        if running is None:
            running = ministack.start()
        if not deployment.is_built():
            with show_step("building template.yaml with the SAM CLI"):
                deployment.build()
        with show_step(f"waiting for the local AWS on 127.0.0.1:{running.port}"):
            ministack.wait_until_ready()
        with show_step("deploying to the local AWS"):
            deployment.deploy(running)
        return write_outputs()


def down() -> bool:
    """Stop the local AWS and delete its state. Returns whether it was running."""
    if not places.STATE.exists():
        return False
    with _lock():
        was_running = ministack.stop()
    shutil.rmtree(places.STATE)
    return was_running


def _find_running_on_port() -> ministack.Ministack | None:
    """Return our MiniStack if it uses HOOKLOG_PORT.

    If it uses another port, stop it and return None.
    """
    running = ministack.find_running()
    if running is None or running.port == places.port():
        return running
    ministack.check_port_is_free()
    ministack.stop()
    return None


@contextlib.contextmanager
def _lock() -> Iterator[None]:
    """Keep other processes from starting or stopping this checkout's stacks, which share their build."""
    places.STATE.mkdir(parents=True, exist_ok=True)
    with (places.LOCAL / "up.lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
