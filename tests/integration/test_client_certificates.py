"""Client certificates of registered webhooks: uploaded, shown, presented, and about to expire."""

import json
import re
from base64 import b64encode
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any, cast

import certifi
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from hooklog.webhooks.client_certificate import NOTICE
from hooklog.webhooks.der import read_value
from tests.aws import MockAws
from tests.event_queues import received, subscribe
from tests.events import api_event
from tests.faults import FaultyService, failing
from tests.receiver.certificates import Certificates, Identity, issue, issue_client, make_certificates
from tests.receiver.mutual_tls import MutualTlsReceiver, receiving
from tests.webhooks import CONTEXT, ID, Api, history, resend, send

DAY = timedelta(days=1)
URL = "https://shop.example/hooks"


class LargeKey:
    """An RSA key that is quick to make and cannot sign."""

    @staticmethod
    def public_key() -> rsa.RSAPublicKey:
        return rsa.RSAPublicNumbers(65_537, (1 << 4_103) + 1).public_key()


def describe_at_length(characters: int) -> x509.Name:
    """Make a name whose text has 11 more characters."""
    description = x509.NameAttribute(x509.ObjectIdentifier("2.5.4.13.1"), "x" * characters)
    return x509.Name([description])


def renumber(identity: Identity, bits: int) -> str:
    """Give the certificate the largest serial number of so many bits. Its signature is wrong then."""
    certificate = read_value(identity.certificate.public_bytes(Encoding.DER))
    body, *rest = certificate.children()
    version, _, *fields = body.children()
    number = encode(0x02, ((1 << bits) - 1).to_bytes(bits // 8 + 1))
    changed = encode(0x30, version.encoded + number + b"".join(each.encoded for each in fields))
    return to_pem("CERTIFICATE", encode(0x30, changed + b"".join(each.encoded for each in rest)))


def add_attribute(identity: Identity, length: int) -> str:
    """Return the key as PKCS #8 in one line, with an attribute of so many characters."""
    key = identity.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    content = encode(0x06, b"\x55\x04\x03") + encode(0x31, encode(0x0C, b"a" * length))
    body = key[key.index(b"\x02\x01\x00") :] + encode(0xA0, encode(0x30, content))
    return to_pem("PRIVATE KEY", encode(0x30, body))


def to_pem(label: str, der: bytes) -> str:
    return f"-----BEGIN {label}-----\n{b64encode(der).decode()}\n-----END {label}-----"


def encode(tag: int, content: bytes) -> bytes:
    """Encode a value in DER."""
    length = len(content)
    octets = length.to_bytes((length.bit_length() + 7) // 8)
    prefix = octets if length < 0x80 else bytes([0x80 + len(octets)]) + octets
    return bytes([tag]) + prefix + content


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def identity(certificates: Certificates) -> Identity:
    return issue_client("hooklog", certificates.authority, ends=90 * DAY)


def upload(identity: Identity, *chain: Identity) -> dict[str, str]:
    certificate = "".join(each.certificate_pem for each in (identity, *chain))
    return {"certificate": certificate, "key": identity.key_pem}


def put(api: Api, identity: Identity | None, **fields: Any) -> dict[str, Any]:
    """Create or change the webhook, and return it."""
    certificate = {"client_certificate": upload(identity)} if identity else {}
    status, body = api.put(**{"url": URL, "enabled": True, **certificate, **fields})
    assert status in (200, 201), body
    return body


def refuse(api: Api, **fields: Any) -> str:
    """Return what is wrong with the certificate."""
    status, body = api.put(**{"url": URL, **fields})
    assert status == 400, body
    (error,) = body["error"]["errors"]
    assert error["field"] == "client_certificate"
    assert not re.search(r"[A-Za-z0-9+/]{40}", error["message"])
    return str(error["message"]).removeprefix("client_certificate").lstrip(": ")


class TestUpload:
    def test_only_public_fields_are_shown(self, api: Api, aws: MockAws, identity: Identity) -> None:
        created = put(api, identity)
        certificate = identity.certificate
        assert created["client_certificate"] == {
            "subject": "CN=hooklog",
            "issuer": "CN=Hooklog test CA",
            "serial_number": f"{certificate.serial_number:x}",
            "fingerprint": certificate.fingerprint(hashes.SHA256()).hex(),
            "not_before": f"{certificate.not_valid_before_utc:%Y-%m-%dT%H:%M:%SZ}",
            "not_after": f"{certificate.not_valid_after_utc:%Y-%m-%dT%H:%M:%SZ}",
        }
        assert api.get()[1]["client_certificate"] == created["client_certificate"]
        assert api.get(scope="webhooks:read")[1]["client_certificate"] == created["client_certificate"]
        texts = [json.dumps(created), json.dumps(api.get()[1]), repr(aws.rows("Webhooks"))]
        body = "".join(identity.key_pem.splitlines()[1:-1])
        assert not any("PRIVATE KEY" in text or body[:40] in text for text in texts)

    @pytest.mark.parametrize("value", ["left out", "as read", "new"])
    def test_put_keeps_the_certificate_unless_it_has_another(
        self, api: Api, aws: MockAws, certificates: Certificates, identity: Identity, value: str
    ) -> None:
        read = put(api, identity)["client_certificate"]
        (before,) = aws.rows("Webhooks")
        new = issue_client("new", certificates.authority)
        fields: dict[str, Any] = {"as read": {"client_certificate": read}, "new": {"client_certificate": upload(new)}}
        saved = put(api, None, version=1, name="changed", **fields.get(value, {}))
        (after,) = aws.rows("Webhooks")
        stored = ("client_chain", "encrypted_client_key", "certificate_due_at", "client_certificate")
        assert [after[name] != before[name] for name in stored] == [value == "new"] * 4
        assert saved["client_certificate"]["subject"] == ("CN=new" if value == "new" else "CN=hooklog")

    def test_null_removes_the_certificate(self, api: Api, aws: MockAws, identity: Identity) -> None:
        put(api, identity)
        assert put(api, None, version=1, client_certificate=None)["client_certificate"] is None
        (row,) = aws.rows("Webhooks")
        assert not [name for name in row if "certificate" in name or "client" in name]

    def test_a_certificate_that_was_read_before_it_was_replaced_is_a_conflict(
        self, api: Api, certificates: Certificates, identity: Identity
    ) -> None:
        read = put(api, identity)["client_certificate"]
        put(api, issue_client("new", certificates.authority), version=1)
        assert api.put(url=URL, version=2, client_certificate=read)[0] == 409

    def test_a_shown_certificate_cannot_be_given_to_another_webhook(self, api: Api, identity: Identity) -> None:
        read = put(api, identity)["client_certificate"]
        status, body = api.put("acme.other", url=URL, client_certificate=read)
        assert (status, body["error"]["field"]) == (400, "client_certificate")
        assert "give its certificate and key" in body["error"]["message"]

    @pytest.mark.parametrize(
        "make_key",
        [
            lambda: rsa.generate_private_key(65_537, 2048),
            lambda: rsa.generate_private_key(65_537, 4096),
            lambda: ec.generate_private_key(ec.SECP256R1()),
            lambda: ec.generate_private_key(ec.SECP384R1()),
            ed25519.Ed25519PrivateKey.generate,
        ],
        ids=["RSA 2048", "RSA 4096", "P-256", "P-384", "Ed25519"],
    )
    def test_each_type_of_key_is_accepted(
        self, api: Api, certificates: Certificates, make_key: Callable[[], Any]
    ) -> None:
        identity = issue_client("hooklog", certificates.authority, key=make_key())
        put(api, identity)
        if not isinstance(identity.key, ed25519.Ed25519PrivateKey):
            traditional = identity.format_key(PrivateFormat.TraditionalOpenSSL)
            note = "Bag Attributes\n    friendlyName: hooklog\r\n" + traditional.replace("\n", "\r\n")
            put(api, None, version=1, client_certificate={**upload(identity), "key": note})

    def test_subjects_are_shown_as_in_rfc_4514(self, api: Api, certificates: Certificates) -> None:
        values = {
            NameOID.COUNTRY_NAME: "DE",
            NameOID.ORGANIZATION_NAME: 'Händler & Söhne, "GmbH" <x>; a+b\\c',
            NameOID.DOMAIN_COMPONENT: "example",
            NameOID.COMMON_NAME: "#1 client ",
        }
        subject = x509.Name([x509.NameAttribute(name, value) for name, value in values.items()])
        shown = put(api, issue_client("", certificates.authority, subject=subject))["client_certificate"]["subject"]
        assert shown == subject.rfc4514_string()

    def test_what_cannot_be_used_is_refused(self, api: Api, certificates: Certificates, identity: Identity) -> None:
        authority, good = certificates.authority, upload(identity)
        other = issue_client("other", authority)
        intermediate = issue("An intermediate CA", authority, is_authority=True)
        below = issue_client("below", intermediate)

        def problem(**change: Any) -> str:
            return refuse(api, client_certificate={**good, **change})

        def problem_of(key: Any = None, **differences: Any) -> str:
            return refuse(api, client_certificate=upload(issue_client("x", authority, key=key, **differences)))

        middle = len(good["certificate"]) // 2
        expected = {
            problem(key=other.key_pem): "key does not belong to the first certificate",
            problem(
                certificate=authority.certificate_pem + good["certificate"]
            ): "block 2 is not the issuer of block 1",
            problem(certificate=below.certificate_pem + authority.certificate_pem, key=below.key_pem): "block 2 is not",
            problem(certificate=good["certificate"] + good["key"]): "must not contain the private key",
            problem(certificate=""): "must have PEM blocks",
            problem(certificate=good["key"]): "must not contain the private key",
            problem(certificate=good["certificate"][:middle] + "!" + good["certificate"][middle:]): "not base64",
            problem(
                certificate="-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"
            ): "block 1 is not an X.509",
            problem(certificate=good["certificate"].replace("MII", "MIH", 1)): "block 1 is not an X.509",
            problem(certificate=f"{good['certificate']:17000}"): "at most 16,384 characters, not 17,000",
            problem(key=""): "must have one PEM block",
            problem(key=good["key"] * 2): "must have one PEM block",
            problem(key=f"{good['key']:4097}"): "at most 4,096 characters, not 4,097",
            problem(key=identity.format_key(PrivateFormat.PKCS8, b"secret")): "is encrypted; decrypt it first",
            problem(key=identity.format_key(PrivateFormat.TraditionalOpenSSL, b"secret")): "is encrypted; decrypt it",
            problem(key=identity.format_key(PrivateFormat.OpenSSH)): "is a OPENSSH PRIVATE KEY; convert it to PKCS #8",
            problem(key="-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"): "cannot be read by OpenSSL",
            problem(key=5): "must have a certificate and a key",
            problem(certificate=good["certificate"] + authority.certificate_pem[:-40]): "certificate has an incomplete",
            problem(certificate=good["certificate"] + authority.certificate_pem[40:]): "certificate has an incomplete",
            problem(key=good["key"] + other.key_pem[:-40]): "key has an incomplete PEM block",
            problem(key=add_attribute(identity, 2_860)): "at most 4,096 characters in lines of 64, not 4,1",
            problem(password="x"): "unknown field 'password'",
            problem_of(begins=-9 * DAY, ends=-DAY): "certificate expired at 20",
            problem_of(begins=DAY): "certificate is not valid before 20",
            problem_of(subject=describe_at_length(1_014)): "a subject or an issuer of more than 1,024 characters",
            problem(certificate=renumber(identity, 161)): "a serial number of more than 160 bits",
            problem_of(rsa.generate_private_key(65_537, 1024)): "another type than RSA of 2048 to 4096 bits",
            problem(certificate=issue_client("x", authority, key=cast("Any", LargeKey)).certificate_pem): ": RSA 4104",
            problem_of(ec.generate_private_key(ec.SECP521R1())): ": EC P-521",
            problem_of(ec.generate_private_key(ec.SECP256K1())): ": EC 1.3.132.0.10",
            problem_of(ed448.Ed448PrivateKey.generate()): ": Ed448",
            refuse(api, client_certificate={}): "must have a certificate and a key",
            refuse(api, client_certificate=[]): "must be an object",
            refuse(
                api, client_certificate=good, url="http://shop.example/hooks"
            ): "needs a URL that begins with https://",
        }
        assert [text for text, part in expected.items() if part not in text] == []
        put(api, None, client_certificate=upload(below, intermediate, authority))

    def test_an_issuer_is_found_by_its_name_in_any_case_and_spacing(self, api: Api, certificates: Certificates) -> None:
        """As OpenSSL compares names (RFC 5280, section 7.1)."""
        named = issue("An Intermediate  CA", certificates.authority, is_authority=True)
        reissued = issue("An intermediate CA", certificates.authority, is_authority=True, key=named.key)
        put(api, None, client_certificate=upload(issue_client("below", named), reissued))

    def test_the_longest_names_and_numbers_are_shown(self, api: Api, certificates: Certificates) -> None:
        identity = issue_client("", certificates.authority, subject=describe_at_length(1_013))
        uploaded = {**upload(identity), "certificate": renumber(identity, 160)}
        shown = put(api, None, client_certificate=uploaded)["client_certificate"]
        assert (len(shown["subject"]), shown["serial_number"]) == (1_024, "f" * 40)

    def test_a_stored_certificate_needs_https(self, api: Api, identity: Identity) -> None:
        put(api, identity)
        assert "https://" in refuse(api, url="http://shop.example/hooks", version=1)

    def test_a_webhook_with_an_expired_certificate_can_be_changed(
        self, api: Api, aws: MockAws, identity: Identity
    ) -> None:
        put(api, identity)
        expire(aws, datetime.now(UTC) - DAY)
        assert put(api, None, version=1, name="changed")["client_certificate"]["subject"] == "CN=hooklog"


def expire(aws: MockAws, at: datetime) -> None:
    """Let the webhook's stored certificate expire at this time, with its events."""
    (row,) = aws.rows("Webhooks")
    certificate = json.loads(row["client_certificate"]["S"])
    certificate["not_after"] = f"{at:%Y-%m-%dT%H:%M:%SZ}"
    row["client_certificate"]["S"] = json.dumps(certificate)
    row["certificate_due_at"]["S"] = f"{at - NOTICE:%Y-%m-%dT%H:%M:%SZ}"
    aws.dynamodb.put_item(TableName=aws.refs["Webhooks"], Item=row)


class TestSending:
    @pytest.fixture
    def receiver(self, certificates: Certificates) -> Iterator[MutualTlsReceiver]:
        with receiving(certificates.context_for_clients(requires=False)) as receiver:
            yield receiver

    @pytest.fixture
    def sender(self, aws: MockAws, certificates: Certificates, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
        monkeypatch.setattr(certifi, "where", lambda: str(certificates.ca_path))
        return aws.start("SendWebhooksFunction", RETRY_SCHEDULE="5")

    def test_the_certificate_is_presented_to_the_webhooks_url_only(
        self, api: Api, sender: ModuleType, receiver: MutualTlsReceiver, identity: Identity
    ) -> None:
        """Not to a message's own URL, even if it is the same receiver; nor for another webhook."""
        put(api, identity, url=receiver.url)
        api.put("acme.plain", url=receiver.url, enabled=True)
        messages: list[dict[str, Any]] = [{}, {"url": receiver.url}, {"webhook_id": "acme.plain"}, {}]
        for message in messages:
            assert send(sender, message) == []
        assert receiver.names == ["hooklog", None, None, "hooklog"]
        assert receiver.connections == 2

    def test_a_test_of_the_webhook_presents_it(
        self,
        api: Api,
        aws: MockAws,
        certificates: Certificates,
        receiver: MutualTlsReceiver,
        identity: Identity,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(certifi, "where", lambda: str(certificates.ca_path))
        put(api, identity, url=receiver.url)
        tester = aws.endpoint("test_webhook")
        event = api_event({"webhook_id": ID}, scope="webhooks:manage")
        response = tester.lambda_handler(event, CONTEXT)
        assert json.loads(response["body"])["result"] == 200
        assert receiver.names == ["hooklog"]

    def test_a_resend_presents_the_present_certificate(
        self, api: Api, aws: MockAws, sender: ModuleType, certificates: Certificates, identity: Identity
    ) -> None:
        with receiving(certificates.context_for_clients()) as receiver:
            put(api, None, url=receiver.url)
            send(sender, {})
            (failed,) = history(aws)
            assert failed["error_type"]["S"] == "tls_error"
            put(api, identity, url=receiver.url, version=1)
            assert resend(aws, failed) == 202
            sender.lambda_handler(aws.take("WebhookQueue"), CONTEXT)
            assert receiver.names == ["hooklog"]

    def test_a_key_that_cannot_be_decrypted_is_a_failed_execution(
        self, api: Api, aws: MockAws, sender: ModuleType, receiver: MutualTlsReceiver, identity: Identity
    ) -> None:
        """Such as one that was copied from another webhook."""
        put(api, identity, url=receiver.url)
        api.put("acme.copy", url=receiver.url, enabled=True)
        rows = {row["webhook_id"]["S"]: row for row in aws.rows("Webhooks")}
        copied = {name: rows[ID][name] for name in ("client_certificate", "client_chain", "encrypted_client_key")}
        aws.dynamodb.put_item(TableName=aws.refs["Webhooks"], Item={**rows["acme.copy"], **copied})
        assert send(sender, {"webhook_id": "acme.copy"}) == []
        (failed,) = history(aws)
        assert failed["error_type"]["S"] == "tls_error"
        assert receiver.presented == []

    def test_a_client_key_cannot_be_read_as_a_signing_secret(self, api: Api, aws: MockAws, identity: Identity) -> None:
        """Its ciphertext is bound to its purpose."""
        put(api, identity)
        (row,) = aws.rows("Webhooks")
        aws.dynamodb.put_item(TableName=aws.refs["Webhooks"], Item={**row, "sealed_key": row["encrypted_client_key"]})
        status, body = api.secret()
        assert (status, "PRIVATE" in json.dumps(body)) == (500, False)

    def test_one_decryption_serves_a_webhook_while_it_is_cached(
        self,
        api: Api,
        aws: MockAws,
        aws_endpoint: str,
        receiver: MutualTlsReceiver,
        certificates: Certificates,
        identity: Identity,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(certifi, "where", lambda: str(certificates.ca_path))
        put(api, identity, url=receiver.url)
        api.put("acme.plain", url=receiver.url, enabled=True)
        with FaultyService(aws_endpoint) as kms:
            monkeypatch.setenv("AWS_ENDPOINT_URL_KMS", kms.url)
            sender = aws.start("SendWebhooksFunction")
            for expected, webhook_id in ((1, "acme.plain"), (3, ID), (3, ID), (3, "acme.plain")):
                send(sender, {"webhook_id": webhook_id})
                assert kms.calls["Decrypt"] == expected


class TestEvents:
    @pytest.fixture
    def publisher(self, aws: MockAws) -> ModuleType:
        subscribe(aws, "all")
        return aws.start("PublishEventsFunction")

    def publish(self, aws: MockAws, publisher: ModuleType) -> list[str]:
        publisher.lambda_handler({}, CONTEXT)
        return [event["type"] for event in received(aws)]

    def test_an_event_comes_30_days_ahead_and_one_at_the_end(
        self, api: Api, aws: MockAws, publisher: ModuleType, identity: Identity
    ) -> None:
        shown = put(api, identity)["client_certificate"]
        now = datetime.now(UTC)
        assert self.publish(aws, publisher) == []
        expire(aws, now + NOTICE + timedelta(minutes=1))
        assert self.publish(aws, publisher) == []
        expire(aws, now + NOTICE - timedelta(minutes=1))
        publisher.lambda_handler({}, CONTEXT)
        (event,) = received(aws)
        assert (event["type"], event["webhook_id"]) == ("webhook.certificate_expiring", ID)
        assert (event["subject"], event["fingerprint"]) == ("CN=hooklog", shown["fingerprint"])
        put(api, None, version=1, name="changed")
        assert self.publish(aws, publisher) == []
        (row,) = aws.rows("Webhooks")
        end = f"{now - timedelta(minutes=1):%Y-%m-%dT%H:%M:%SZ}"
        certificate = {**json.loads(row["client_certificate"]["S"]), "not_after": end}
        changed = {"client_certificate": {"S": json.dumps(certificate)}, "certificate_due_at": {"S": end}}
        aws.dynamodb.put_item(TableName=aws.refs["Webhooks"], Item={**row, **changed})
        assert self.publish(aws, publisher) == ["webhook.certificate_expired"]
        assert self.publish(aws, publisher) == []

    def test_a_replaced_removed_or_deleted_certificate_raises_none(
        self, api: Api, aws: MockAws, publisher: ModuleType, certificates: Certificates, identity: Identity
    ) -> None:
        for webhook_id in ("acme.a", "acme.b", "acme.c"):
            soon = issue_client("soon", certificates.authority, ends=20 * DAY)
            api.put(webhook_id, url=URL, client_certificate=upload(soon))
        api.put("acme.a", url=URL, version=1, client_certificate=upload(identity))
        api.put("acme.b", url=URL, version=1, client_certificate=None)
        api.delete("acme.c")
        assert self.publish(aws, publisher) == []

    def test_an_event_that_sns_refuses_is_published_later(
        self, api: Api, aws: MockAws, sns: FaultyService, certificates: Certificates
    ) -> None:
        subscribe(aws, "all")
        publisher = aws.start("PublishEventsFunction")
        put(api, issue_client("soon", certificates.authority, ends=20 * DAY))
        with sns.breaking(failing):
            assert self.publish(aws, publisher) == []
        assert self.publish(aws, publisher) == ["webhook.certificate_expiring"]

    def test_a_deployment_without_certificates_pays_one_query(self, aws: MockAws, dynamodb: FaultyService) -> None:
        publisher = aws.start("PublishEventsFunction")
        publisher.lambda_handler({}, CONTEXT)
        assert dynamodb.calls == {"Query": 2}
