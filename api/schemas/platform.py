"""Shapes of what the service says about itself."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel


class StatusOut(BaseModel):
    """The process runs."""

    status: Literal["ok"] = "ok"


class ServiceOut(StatusOut):
    """The process runs, and this is what it is."""

    service: str = "notechondria-backend"


class HandshakeOut(BaseModel):
    """What apps check before they adopt an address. A capability's number is raised when its payload changes incompatibly."""

    service: str
    api_version: str
    version: str
    capabilities: dict[str, int]
