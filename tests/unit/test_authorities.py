"""The layer's authorities, each in a file that OpenSSL finds by its name."""

import shutil
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import certifi
import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from hooklog import authorities
from tests.receiver.certificates import issue, make_certificates
from tests.receiver.mutual_tls import receiving
from tests.template import ROOT

# Read when this module is imported: tests replace certifi's bundle.
BUNDLE = Path(certifi.where()).read_text("utf-8")


def split(bundle: str, folder: Path) -> list[Path]:
    source = folder.with_suffix(".pem")
    source.write_text(bundle, "utf-8")
    program = ROOT / "layers/shared/split_authorities.py"
    subprocess.run([sys.executable, str(program), str(source), str(folder)], check=True)
    return sorted(folder.iterdir())


def can_rehash() -> bool:
    """Return whether there is an openssl with `rehash`, which LibreSSL's does not have."""
    if not shutil.which("openssl"):
        return False
    return subprocess.run(["openssl", "rehash", "-help"], capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not can_rehash(), reason="openssl is not installed, or cannot rehash")
def test_every_public_authority_has_the_name_that_openssl_looks_for(tmp_path: Path) -> None:
    files = split(BUNDLE, tmp_path / "authorities")
    assert len(files) == BUNDLE.count("BEGIN CERTIFICATE") > 100
    folder = tmp_path / "rehashed"
    folder.mkdir()
    for number, file in enumerate(files):
        shutil.copy(file, folder / f"{number}.pem")
    subprocess.run(["openssl", "rehash", str(folder)], check=True)
    names = {(folder / link.readlink()).read_bytes(): link.stem for link in folder.iterdir() if link.is_symlink()}
    assert names == {file.read_bytes(): file.stem for file in files}


def test_a_certificate_that_is_not_recognized_stops_the_build(tmp_path: Path) -> None:
    end = "-----END CERTIFICATE-----"
    with pytest.raises(subprocess.CalledProcessError):
        split(BUNDLE.rpartition(end)[0] + f"{end} \n", tmp_path / "authorities")


NAMES = [
    x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "  Zwei  Wörter\tÄ ")]),
    x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "x" * 64), x509.NameAttribute(NameOID.COUNTRY_NAME, "DE")]),
    x509.Name(
        [
            x509.RelativeDistinguishedName(
                [
                    x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Two in one"),
                    x509.NameAttribute(NameOID.COMMON_NAME, "Part"),
                ]
            )
        ]
    ),
    x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "BMP", x509.name._ASN1Type.BMPString)]),  # noqa: SLF001
    x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "UCS", x509.name._ASN1Type.UniversalString)]),  # noqa: SLF001
]


@pytest.mark.parametrize("subject", NAMES, ids=["spaces", "long", "two-in-one", "bmp", "universal"])
def test_a_certificate_of_an_authority_is_verified(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, subject: x509.Name
) -> None:
    authority = issue("", subject=subject, is_authority=True)
    split(BUNDLE + authority.certificate_pem, tmp_path / "authorities")
    monkeypatch.setattr(authorities, "_FOLDER", tmp_path / "authorities")
    certificates = make_certificates(tmp_path)
    with receiving(certificates.context_of(issue("127.0.0.1", authority))) as receiver:
        assert is_verified(receiver.url, authorities.make_tls_context())
    with receiving(certificates.trusted) as receiver:
        assert not is_verified(receiver.url, authorities.make_tls_context())
        assert is_verified(receiver.url, authorities.make_tls_context(str(certificates.ca_path)))


def is_verified(url: str, context: ssl.SSLContext) -> bool:
    host, port = url.removeprefix("https://").partition("/")[0].split(":")
    with socket.create_connection((host, int(port))) as connection:
        try:
            context.wrap_socket(connection, server_hostname=host).close()
        except ssl.SSLCertVerificationError:
            return False
    return True
