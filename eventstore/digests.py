"""What is stored of secrets: keyed digests, from which neither keys nor addresses can be read back."""

from __future__ import annotations

import hmac
from functools import lru_cache


def secret_digest(key: bytes, secret: str) -> str:
    """HMAC-SHA256 under the server's secret, hex: of session keys, API keys, invitation codes and network addresses."""
    keyed = _keyed(key).copy()
    keyed.update(secret.encode("utf-8", "replace"))
    return keyed.hexdigest()


@lru_cache(maxsize=1)
def _keyed(key: bytes) -> hmac.HMAC:
    # To set it up takes ten times as long as to work with a copy of it, and each request begins with one.
    return hmac.new(key, digestmod="sha256")
