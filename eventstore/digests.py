"""What is stored of secrets: keyed digests, from which neither keys nor addresses can be read back."""

from __future__ import annotations

import hmac


def secret_digest(key: bytes, secret: str) -> str:
    """HMAC-SHA256 under the server's secret, hex: of session keys, API keys, invitation codes and network addresses."""
    return hmac.digest(key, secret.encode("utf-8", "replace"), "sha256").hex()
