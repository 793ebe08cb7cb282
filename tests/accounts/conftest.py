"""The product's door over a real database."""

from __future__ import annotations

from typing import Any

import pytest

from tests.accounts.people import PASSWORD


@pytest.fixture(scope="module")
def chosen() -> dict[str, Any]:
    """A proxy on this machine is believed, and an administrator is named that no start has made."""
    return {"trusted_proxies": ("127.0.0.1",), "superuser_username": "Head-Office", "superuser_password": PASSWORD}
