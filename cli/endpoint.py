"""An endpoint that another product has exported, as a webhook of Hooklog."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from hooklog.delivery.signature import format_secret, parse_secret
from hooklog.errors import InvalidMessage, InvalidRequest
from hooklog.messages.fields import MAX_TIMEOUT_SECONDS, OWN_HEADER_PREFIX, normalize_header_name, read_headers
from hooklog.webhooks.webhook import MAX_NAME_LENGTH, MAX_PER_SECOND

Export = Mapping[str, Any]

_DURATION: Final = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
_PREFIX: Final = "whsec_"


@dataclass(slots=True)
class Endpoint:
    """An endpoint with what a webhook can have of it."""

    endpoint_id: str
    """Its ID in the export; without the prefix, it is the webhook's."""
    fields: dict[str, Any] = field(default_factory=dict)
    """Fields of a webhook."""
    secret: str | None = None
    lost: list[str] = field(default_factory=list)
    """What is not carried over, in words. Contains no values of secrets and headers."""

    def set_name(self, text: object) -> None:
        words = " ".join(str(text or "").split())
        self.fields["name"] = "".join(filter(str.isprintable, words))[:MAX_NAME_LENGTH]

    def set_headers(self, headers: Mapping[str, Any], sensitive: Iterable[str] = ()) -> None:
        """Set the headers that Hooklog sends. `sensitive` are those to mask."""
        accepted = self.fields.setdefault("headers", {})
        for name, value in headers.items():
            if reason := _find_header_error(name, value):
                self.lost.append(reason)
            else:
                accepted[name] = value
        masked = [name for name in sensitive if name in accepted]
        if masked:
            self.fields["sensitive_headers"] = sorted({*self.fields.get("sensitive_headers", ()), *masked})

    def set_rate(self, count: float, seconds: float = 1) -> None:
        """Set the limit of requests per second, rounded down. Zero means none."""
        if not count or not seconds:
            return
        shown = f"{count:g} a second" if seconds == 1 else f"{count:g} in {seconds:g} s"
        rate = min(max(int(count / seconds), 1), MAX_PER_SECOND)
        self.fields["max_per_second"] = rate
        if rate * seconds != count:
            self.lost.append(f"rate limit of {shown}: {rate} a second instead")

    def set_timeout(self, seconds: float) -> None:
        if seconds:
            self.fields["timeout_seconds"] = min(max(seconds, 1), MAX_TIMEOUT_SECONDS)
            if seconds > MAX_TIMEOUT_SECONDS:
                self.lost.append(f"timeout of {seconds:g} s: {MAX_TIMEOUT_SECONDS} s instead")

    def set_key(self, key: bytes) -> None:
        """Set the secret from the bytes that the other product signs with."""
        self.set_secret(format_secret(key))

    def set_secret(self, secret: str) -> None:
        try:
            parse_secret(secret := secret if secret.startswith(_PREFIX) else _PREFIX + secret)
        except InvalidRequest as error:
            self.lost.append(f"{error}: a new one is generated, which its receiver needs")
        else:
            self.secret = secret

    def lose(self, export: Export, advice: Mapping[str, str]) -> None:
        """Report fields that are set but not carried over, each with an advice."""
        self.lost += [f"{name}{f' ({hint})' if hint else ''}" for name, hint in advice.items() if export.get(name)]


def read_seconds(value: object) -> float:
    """Read seconds or a duration such as `1m30s`. Returns 0 for any other value."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return max(float(value), 0)
    found = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if not found:
        return float(value) if isinstance(value, str) and value.isdecimal() else 0
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return float(hours * 3600 + minutes * 60 + seconds)


def read_count(value: object) -> float:
    """Read a number. Returns 0 for any other value."""
    return max(float(value), 0) if isinstance(value, int | float) and not isinstance(value, bool) else 0


def _find_header_error(name: str, value: object) -> str | None:
    if normalize_header_name(name).startswith(OWN_HEADER_PREFIX):
        return f"header {name} is not allowed: Hooklog sets those that begin with {OWN_HEADER_PREFIX}"
    try:
        read_headers({"headers": {name: value}})
    except InvalidMessage as error:
        return str(error)
    return None
