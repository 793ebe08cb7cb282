"""Shapes of what the service says about itself."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel


class StatusOut(BaseModel):
    """The process runs."""

    status: Literal["ok"] = "ok"


class ServiceOut(StatusOut):
    """The process runs; the name of the service."""

    service: str = "notechondria-backend"


class BuildOut(BaseModel):
    """What runs here; empty where the operator has not told it."""

    version: str
    commit: str
    build_time: str
    deploy_target: str


class StorageOut(BaseModel):
    """Where uploads are kept."""

    backend: Literal["local-disk", "cloudflare-r2", "object-storage"]
    label: str


class HandshakeOut(BaseModel):
    """What apps check before they accept an address. A capability's number rises when its payload changes incompatibly."""

    service: str
    api_version: str
    version: str
    capabilities: dict[str, int]
    build: BuildOut
    min_frontend_version: str
    storage: StorageOut


class PingOut(BaseModel):
    """The process runs; the time is its clock's."""

    pong: Literal[True] = True
    service: str = "notechondria-backend"
    timestamp: str


class FollowerOut(BaseModel):
    """A projection or reactor. lag: positions behind the head; silent_s: seconds since its last sign of life; parked: streams in error."""

    name: str
    kind: str
    lag: int
    silent_s: float
    parked: int
    alive: bool


class ReadyOut(BaseModel):
    """`status` says whether to send traffic; `well` also says that everything that follows the log is alive and no stream is parked."""

    status: Literal["ok", "unavailable"]
    well: bool
    database: bool
    head: int
    followers: list[FollowerOut]
