"""The operator's console, as the tests use it."""

from __future__ import annotations

import re

import httpx


def csrf(client: httpx.Client, path: str = "/admin/projections") -> str:
    """What a form of this page has to send along."""
    found = re.search(r'name="csrf" value="([0-9a-f]{64})"', client.get(path).text)
    assert found
    return found[1]
