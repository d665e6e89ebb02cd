"""The files, the address and the environment variables of the local AWS."""

import os
from pathlib import Path
from typing import Final

from local.failure import LocalFailure

ROOT: Final = Path(__file__).resolve().parent.parent
LOCAL: Final = ROOT / ".local"
STATE: Final = LOCAL / "second" if os.environ.get("HOOKLOG_SECOND_AWS") else LOCAL
"""Tests that change the stack use a second local AWS, on another port."""
OUTPUTS: Final = STATE / "outputs.json"
STACK_BIN: Final = ROOT / ".venv-stack" / "bin"
DEV_BIN: Final = ROOT / ".venv" / "bin"

REGION: Final = "us-east-1"
STACK_NAME: Final = "hooklog-local"
BUCKET: Final = "hooklog-local-artifacts"
BUILD: Final = LOCAL / "build"
"""The output of `sam build`; samconfig.toml names the same folder."""

DUMMY_KEY: Final = "test"
DEFAULT_PORT: Final = 4566

_KEPT_FOR_MINISTACK: Final = ("HOME", "LANG", "LC_ALL", "TZ")
_OWN_PYTHON: Final = frozenset({"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "CONDA_PREFIX", "MAKEFLAGS", "MAKELEVEL"})


def port() -> int:
    """Return the port of the local AWS: HOOKLOG_PORT, or 4566.

    Raises LocalFailure for an invalid one.
    """
    value = os.environ.get("HOOKLOG_PORT", "") or str(DEFAULT_PORT)
    if not (value.isascii() and value.isdecimal() and 1 <= int(value) <= 65_535):
        raise LocalFailure(f"HOOKLOG_PORT must be a port number from 1 to 65535, not {value!r}.")
    return int(value)


def endpoint() -> str:
    return f"http://127.0.0.1:{port()}"


def ministack_environment() -> dict[str, str]:
    """Return only the variables that MiniStack needs.

    Lambda workers inherit them, and must not inherit proxies or certificates.
    """
    kept = {name: os.environ[name] for name in _KEPT_FOR_MINISTACK if name in os.environ}
    return (
        kept
        | _dummy_credentials()
        | {
            "PATH": f"{STACK_BIN}:{os.defpath}",
            "TMPDIR": str(STATE / "tmp"),
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(port()),
            "MINISTACK_HOST": "127.0.0.1",
            "MINISTACK_REGION": REGION,
            "AUTH": "true",
            "PERSIST_STATE": "0",
            "STATE_DIR": str(STATE / "ministack-state"),
            "S3_DATA_DIR": str(STATE / "ministack-s3"),
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
        }
    )


def tool_environment() -> dict[str, str]:
    """Return the user's environment for a tool.

    Leaves out anything that leads a tool to real AWS or to another Python.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    no_proxy = ",".join(filter(None, (kept.get("NO_PROXY") or kept.get("no_proxy"), "127.0.0.1")))
    kept = {name: value for name, value in kept.items() if name not in _OWN_PYTHON}
    return (
        kept
        | _dummy_credentials()
        | {
            "PATH": f"{STACK_BIN}:{DEV_BIN}:{kept.get('PATH', os.defpath)}",
            "AWS_ENDPOINT_URL": endpoint(),
            "NO_PROXY": no_proxy,
            "no_proxy": no_proxy,
            "LAYER_PYTHON": str(STACK_BIN / "python"),
            "LAYER_WHEELS": f"--python {STACK_BIN / 'python'}",
            "SAM_CLI_TELEMETRY": "0",
            "SAM_CLI_POLL_DELAY": "0.2",
        }
    )


def _dummy_credentials() -> dict[str, str]:
    return {
        "AWS_ACCESS_KEY_ID": DUMMY_KEY,
        "AWS_SECRET_ACCESS_KEY": DUMMY_KEY,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
