"""The client certificates in the table `Webhooks`, by when their next event is due."""

from typing import Any

from pynamodb.attributes import JSONAttribute, UnicodeAttribute
from pynamodb.indexes import GlobalSecondaryIndex, IncludeProjection

from hooklog.tables import AttachedTable


class CertificatesIndex(GlobalSecondaryIndex[Any]):  # type: ignore[no-untyped-call]
    """The webhooks with a client certificate, ordered by when its next event is due."""

    class Meta:
        index_name = "certificates"
        projection = IncludeProjection(["client_certificate"])

    certificates = UnicodeAttribute(hash_key=True)
    certificate_due_at = UnicodeAttribute(range_key=True)


class CertificateRow(AttachedTable):
    """A webhook's client certificate, without what its row also has."""

    class Meta:
        table_name = ""

    webhook_id = UnicodeAttribute(hash_key=True)
    client_certificate = JSONAttribute(null=True)
    certificate_due_at = UnicodeAttribute(null=True)

    by_due_time = CertificatesIndex()
