"""Shape of the refusal of what was decided on an outdated state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel


class StaleOut(BaseModel):
    """The version there is now, to be read again before anything is decided anew."""

    detail: str
    version: str


STALE: Mapping[int, Any] = {412: StaleOut}
"""What else a route answers that holds what an If-Match header names."""
