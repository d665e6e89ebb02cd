"""The keys that verify tokens: read from where they are kept, and read again when they have changed there."""

import time
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from hooklog.errors import KeysUnavailable

SIGNING_ALGORITHM: Final = "HS256"
SIGNING_KEYS_SECONDS: Final = 60
"""How long signing keys are kept: what a key that was taken away still opens, API Gateway's own memory apart."""

PAUSE_SECONDS: Final = 10
"""Between one reading and the next, whatever tokens come: one that nobody signed costs no more than that."""


class Key(NamedTuple):
    """One key, the algorithm that it is for, and the id that a token's `kid` may name."""

    key_id: str | None
    algorithm: str
    value: Any


Keys = tuple[Key, ...]


class KeyRing:
    """The keys of one place. What was read stays in use while the place is out of reach."""

    def __init__(self, read: Callable[[], Keys], seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.read = read
        self.seconds = seconds
        self._clock = clock
        self._keys: Keys = ()
        self._read_at = self._tried_at = float("-inf")
        self.failure: str | None = None
        """Why the last reading failed, if it did."""

    def keys(self) -> Keys:
        """At most so many seconds old, if they can be read. Raises KeysUnavailable if they never could."""
        if self._clock() - self._read_at >= self.seconds:
            self.read_again()
        if not self._keys and self.failure:
            raise KeysUnavailable(self.failure)
        return self._keys

    def read_again(self) -> bool:
        """Whether there are other keys now. Does nothing within PAUSE_SECONDS of the last time."""
        now = self._clock()
        if now - self._tried_at < PAUSE_SECONDS:
            return False
        self._tried_at, before = now, self._keys
        try:
            self._keys, self._read_at, self.failure = self.read(), now, None
        except KeysUnavailable as unreachable:
            self.failure = str(unreachable)
        return self._keys != before


def read_signing_keys(client: Any, secret_id: str) -> Keys:
    """The secret's value and the one before it, unless that was taken away; each is named by its version id.

    Raises KeysUnavailable where Secrets Manager does not give the value.
    """
    stages = ("AWSCURRENT", "AWSPREVIOUS")
    return tuple(key for stage in stages if (key := _signing_key(client, secret_id, stage)) is not None)


def _signing_key(client: Any, secret_id: str, stage: str) -> Key | None:
    try:
        value = client.get_secret_value(SecretId=secret_id, VersionStage=stage)
        return Key(value["VersionId"], SIGNING_ALGORITHM, value["SecretString"])
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if (stage, code) == ("AWSPREVIOUS", "ResourceNotFoundException"):
            return None
        raise KeysUnavailable(f"Secrets Manager: {code}") from error
    except BotoCoreError as error:
        raise KeysUnavailable(f"Secrets Manager: {type(error).__name__}") from error
    except KeyError:
        raise KeysUnavailable(f"the secret's {stage} is not a string") from None
