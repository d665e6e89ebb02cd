"""Webhooks' signing keys at rest: each encrypted by a KMS key of the deployment, for its webhook only."""

from collections.abc import Mapping

from hooklog.aws import Clients


class KeyEncryption:
    """Encrypts and decrypts signing keys. Raises what botocore raises."""

    def __init__(self, clients: Clients, key_id: str) -> None:
        self._clients = clients
        self._key_id = key_id

    def encrypt(self, webhook_id: str, key: bytes) -> bytes:
        response = self._clients.kms.encrypt(KeyId=self._key_id, Plaintext=key, EncryptionContext=_context(webhook_id))
        return bytes(response["CiphertextBlob"])

    def decrypt(self, webhook_id: str, encrypted: bytes) -> bytes:
        """The key. KMS decrypts it for the webhook that it was encrypted for, and for no other."""
        response = self._clients.kms.decrypt(
            KeyId=self._key_id, CiphertextBlob=encrypted, EncryptionContext=_context(webhook_id)
        )
        return bytes(response["Plaintext"])


def _context(webhook_id: str) -> Mapping[str, str]:
    """Bound to the ciphertext, and in every CloudTrail event about it."""
    return {"webhook_id": webhook_id}
