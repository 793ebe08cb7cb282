"""Shape of the refusal of what was decided on an outdated state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel


class StaleOut(BaseModel):
    """The current version; read the resource again before deciding what to do."""

    detail: str
    version: str


STALE: Mapping[int, Any] = {412: StaleOut}
"""What else a route answers that holds what an If-Match header names."""
