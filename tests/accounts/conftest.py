"""The product's door over a real database."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture(scope="module")
def chosen() -> dict[str, Any]:
    """A proxy on this machine is believed."""
    return {"trusted_proxies": ("127.0.0.1",)}
