"""The keys that verify tokens, cached and read again when they change."""

import time
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from hooklog.errors import KeysUnavailable, SecretNotRead
from hooklog.secrets_manager import SecretsManager

SIGNING_ALGORITHM: Final = "HS256"
SIGNING_KEYS_SECONDS: Final = 60
"""How long signing keys are cached. A removed key still works that long, and then in API Gateway's cache."""

PAUSE_SECONDS: Final = 10
"""Minimum time between two reads, so that invalid tokens cannot cause many."""


class Key(NamedTuple):
    """A key with its algorithm, and the ID to which a token's `kid` may refer."""

    key_id: str | None
    algorithm: str
    value: Any


Keys = tuple[Key, ...]


class KeyRing:
    """A cache of keys from one source.

    They stay in use while the source is unavailable.
    """

    def __init__(self, read: Callable[[], Keys], seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.read = read
        self.seconds = seconds
        self._clock = clock
        self._keys: Keys = ()
        self._read_at = self._tried_at = float("-inf")
        self.failure: str | None = None
        """Why the last read failed, if it did."""

    def keys(self) -> Keys:
        """Return the keys, read again after `seconds` if possible.

        Raises KeysUnavailable if no read succeeded.
        """
        if self._clock() - self._read_at >= self.seconds:
            self.refresh()
        if not self._keys and self.failure:
            raise KeysUnavailable(self.failure)
        return self._keys

    def refresh(self) -> bool:
        """Read the keys again; return whether they have changed.

        Does nothing within PAUSE_SECONDS of the last attempt.
        """
        now = self._clock()
        if now - self._tried_at < PAUSE_SECONDS:
            return False
        self._tried_at, before = now, self._keys
        try:
            self._keys, self._read_at, self.failure = self.read(), now, None
        except KeysUnavailable as unreachable:
            self.failure = str(unreachable)
        return self._keys != before


def read_signing_keys(secrets: SecretsManager, secret_id: str) -> Keys:
    """Read the current and the previous signing key.

    Their IDs are the secret's version IDs. Raises KeysUnavailable.
    """
    stages = ("AWSCURRENT", "AWSPREVIOUS")
    with secrets.connected():
        return tuple(key for stage in stages if (key := _read_signing_key(secrets, secret_id, stage)) is not None)


def _read_signing_key(secrets: SecretsManager, secret_id: str, stage: str) -> Key | None:
    try:
        value = secrets.get_secret_value(secret_id, stage)
        return Key(value["VersionId"], SIGNING_ALGORITHM, value["SecretString"])
    except SecretNotRead as error:
        if (stage, str(error)) == ("AWSPREVIOUS", "ResourceNotFoundException"):
            return None
        raise KeysUnavailable(f"Secrets Manager: {error}") from error
    except KeyError:
        raise KeysUnavailable(f"the secret's {stage} is not a string") from None
