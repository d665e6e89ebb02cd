"""Which AWS errors mean missing, rejected or insufficient credentials."""

from typing import Final

from botocore.exceptions import (
    ClientError,
    CredentialRetrievalError,
    LoginError,
    NoCredentialsError,
    PartialCredentialsError,
    SSOError,
    TokenRetrievalError,
)

NO_CREDENTIALS: Final = (
    NoCredentialsError, PartialCredentialsError, CredentialRetrievalError, TokenRetrievalError, SSOError, LoginError,
)  # fmt: skip
"""What a client raises without credentials, or with expired ones."""

_DENIED: Final = ("AccessDenied", "UnauthorizedOperation", "AuthorizationError")
_NOT_SIGNED_IN: Final = (
    "ExpiredToken", "RequestExpired", "InvalidClientTokenId", "UnrecognizedClient",
    "Signature", "InvalidSignature", "IncompleteSignature",
)  # fmt: skip


def is_denied(error: Exception) -> bool:
    """Return whether the credentials are valid but do not allow the call."""
    return _code(error).startswith(_DENIED)


def is_not_signed_in(error: Exception) -> bool:
    """Return whether AWS rejects the credentials, such as expired ones."""
    return _code(error).startswith(_NOT_SIGNED_IN)


def _code(error: Exception) -> str:
    return str(error.response["Error"]["Code"]) if isinstance(error, ClientError) else ""
