"""Encryption of what has to be kept for a while but must not be readable in a dump: mails on their way, answers with keys."""

from __future__ import annotations

import hashlib
import hmac
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE_BYTES = 12


class Unsealable(Exception):
    """Sealed under another secret, or damaged."""


class Sealer:
    """AES-256-GCM under a key derived from the server's secret."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(hmac.new(key, b"sealing", hashlib.sha256).digest())

    def seal(self, content: bytes) -> bytes:
        """The content, readable only with the server's secret."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, content, None)

    def open(self, sealed: bytes) -> bytes:
        """The content again. Raises Unsealable."""
        try:
            return self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], None)
        except (InvalidTag, ValueError) as error:
            raise Unsealable("sealed under another secret") from error
