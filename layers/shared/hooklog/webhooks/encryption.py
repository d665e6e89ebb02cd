"""Encryption of webhooks' signing keys and clients' private keys by the deployment's KMS key."""

from collections.abc import Mapping
from enum import StrEnum

from hooklog.aws import Clients


class Purpose(StrEnum):
    """What a key is for. A ciphertext for one purpose cannot be decrypted for another."""

    SIGNING = ""
    CLIENT_CERTIFICATE = "client_certificate"


class KeyEncryption:
    """The encryption of keys. Raises botocore's exceptions."""

    def __init__(self, clients: Clients, key_id: str) -> None:
        self._clients = clients
        self._key_id = key_id

    def encrypt(self, webhook_id: str, key: bytes, purpose: Purpose = Purpose.SIGNING) -> bytes:
        response = self._clients.kms.encrypt(
            KeyId=self._key_id, Plaintext=key, EncryptionContext=_make_context(webhook_id, purpose)
        )
        return bytes(response["CiphertextBlob"])

    def decrypt(self, webhook_id: str, encrypted: bytes, purpose: Purpose = Purpose.SIGNING) -> bytes:
        """Decrypt a key. Fails unless it was encrypted for this webhook and purpose."""
        response = self._clients.kms.decrypt(
            KeyId=self._key_id, CiphertextBlob=encrypted, EncryptionContext=_make_context(webhook_id, purpose)
        )
        return bytes(response["Plaintext"])


def _make_context(webhook_id: str, purpose: Purpose) -> Mapping[str, str]:
    """Make the encryption context, which binds the ciphertext to its webhook and purpose.

    It also appears in CloudTrail.
    """
    return {"webhook_id": webhook_id} | ({"purpose": str(purpose)} if purpose else {})
