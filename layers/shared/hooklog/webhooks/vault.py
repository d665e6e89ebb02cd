"""Webhooks' signing keys at rest: each encrypted by a KMS key of the deployment, for its webhook alone."""

from collections.abc import Mapping

from hooklog.queues.clients import Clients


class Vault:
    """Seals and opens signing keys. Raises what botocore raises."""

    def __init__(self, clients: Clients, key_id: str) -> None:
        self._clients = clients
        self._key_id = key_id

    def seal(self, webhook_id: str, key: bytes) -> bytes:
        answer = self._clients.kms.encrypt(KeyId=self._key_id, Plaintext=key, EncryptionContext=_context(webhook_id))
        return bytes(answer["CiphertextBlob"])

    def open(self, webhook_id: str, sealed: bytes) -> bytes:
        """The key. KMS opens it for the webhook for which it was sealed, and for no other."""
        answer = self._clients.kms.decrypt(
            KeyId=self._key_id, CiphertextBlob=sealed, EncryptionContext=_context(webhook_id)
        )
        return bytes(answer["Plaintext"])


def _context(webhook_id: str) -> Mapping[str, str]:
    """Bound to the ciphertext, and in every line that CloudTrail writes of it."""
    return {"webhook_id": webhook_id}
