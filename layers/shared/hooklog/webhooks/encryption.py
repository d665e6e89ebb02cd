"""Encryption of webhooks' signing keys by the deployment's KMS key."""

from collections.abc import Mapping

from hooklog.aws import Clients


class KeyEncryption:
    """The encryption of signing keys. Raises botocore's exceptions."""

    def __init__(self, clients: Clients, key_id: str) -> None:
        self._clients = clients
        self._key_id = key_id

    def encrypt(self, webhook_id: str, key: bytes) -> bytes:
        response = self._clients.kms.encrypt(
            KeyId=self._key_id, Plaintext=key, EncryptionContext=_make_context(webhook_id)
        )
        return bytes(response["CiphertextBlob"])

    def decrypt(self, webhook_id: str, encrypted: bytes) -> bytes:
        """Decrypt a key. Fails unless it was encrypted for this webhook."""
        response = self._clients.kms.decrypt(
            KeyId=self._key_id, CiphertextBlob=encrypted, EncryptionContext=_make_context(webhook_id)
        )
        return bytes(response["Plaintext"])


def _make_context(webhook_id: str) -> Mapping[str, str]:
    """Make the encryption context, which binds the ciphertext to its webhook.

    It also appears in CloudTrail.
    """
    return {"webhook_id": webhook_id}
