"""TLS contexts that trust the public authorities."""

import ssl
from pathlib import Path
from typing import Final

_FOLDER: Final = Path(__file__).parents[2] / "authorities"
"""Certifi's authorities, as the layer has them: a file for each, which OpenSSL reads when it needs it."""


def make_tls_context(ca_bundle: str | None = None) -> ssl.SSLContext:
    """Create a context for clients. `ca_bundle` is the path of CA certificates that replace the public ones.

    Without a layer, it loads all authorities, which takes 25 ms.
    """
    if ca_bundle is None and _FOLDER.is_dir():
        return ssl.create_default_context(capath=_FOLDER)
    if ca_bundle is None:
        import certifi

        ca_bundle = certifi.where()
    return ssl.create_default_context(cafile=ca_bundle)
