"""The same server, people and notes as the tests of courses have."""

from tests.courses.conftest import inbox, make_course, make_note, mira, noah, server

__all__ = ["chosen", "inbox", "make_course", "make_note", "mira", "noah", "server", "site"]

from collections.abc import Iterator
from typing import Any

import httpx
import pytest


@pytest.fixture(scope="module")
def chosen() -> dict[str, Any]:
    """Room for 60 MB of files per account, and bins that keep things for 30 days."""
    return {"attachments_quota_mb": 60, "bin_retention_days": 30}


@pytest.fixture(scope="module")
def site(server: httpx.Client) -> Iterator[httpx.Client]:
    """A client without a prefix, as browsers fetch media."""
    with httpx.Client(base_url=str(server.base_url).removesuffix("/api/v1/"), timeout=30) as client:
        yield client
