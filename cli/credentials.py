"""What AWS says of credentials that it does not take, and of what they do not allow."""

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
"""The exceptions of a client that has none, or none that are good any longer."""

_DENIED: Final = ("AccessDenied", "UnauthorizedOperation", "AuthorizationError")
_NOT_SIGNED_IN: Final = (
    "ExpiredToken", "RequestExpired", "InvalidClientTokenId", "UnrecognizedClient",
    "Signature", "InvalidSignature", "IncompleteSignature",
)  # fmt: skip


def is_denied(error: Exception) -> bool:
    """Whether the credentials are good, and do not allow this."""
    return _code(error).startswith(_DENIED)


def is_not_signed_in(error: Exception) -> bool:
    """Whether AWS does not know the credentials, or not any more."""
    return _code(error).startswith(_NOT_SIGNED_IN)


def _code(error: Exception) -> str:
    return str(error.response["Error"]["Code"]) if isinstance(error, ClientError) else ""
