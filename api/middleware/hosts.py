"""Under which address the client reached us, and whether it is one that is served here (planner_platform 12.3)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import ip_address, ip_network

import structlog
from starlette.types import ASGIApp, Receive, Scope, Send

from api.errors import BadHost, respond_to

HOST = re.compile(r"([A-Za-z0-9_]([A-Za-z0-9._-]{0,253})|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?")
LONGEST_HOST = 260
"""Characters, the port among them."""
LONGEST_ADDRESS = 64
"""Characters. The longest in use is of IPv6, with the name of an interface behind it."""
PROBES = frozenset(("", "/api/health", "/api/v1/health", "/api/v1/ready", "/metrics"))
"""What watches the server from the inside asks these, and calls it by an address or a name without a dot."""
log = structlog.get_logger("notechondria.hosts")
FORWARDED = frozenset((b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto"))


class Hosts:
    """Sets scope["origin"], and behind a trusted proxy the client's own address and scheme; refuses hosts not served here.

    allowed: host names; `*` is any, a leading dot takes in subdomains. Empty: `own` names, and what no page of a stranger can
    be reached under: addresses and names without a dot. Under those, probes are always answered. proxies: addresses or networks
    whose X-Forwarded-* headers are believed; `*` is any. public_origin: what clients reach us under, when the operator says so.
    """

    def __init__(
        self, app: ASGIApp, *, allowed: Sequence[str], own: Sequence[str] = (), proxies: Sequence[str], public_origin: str | None = None
    ) -> None:
        self._app = app
        self._any_harmless = not allowed
        allowed = allowed or (".localhost", *own)
        self._any_host = "*" in allowed
        self._exact = frozenset(name.lower() for name in allowed if not name.startswith("."))
        self._suffixes = tuple(name.lower() for name in allowed if name.startswith("."))
        self._any_proxy = "*" in proxies
        self._proxies = tuple(text for text in proxies if text != "*")
        self._public_origin = public_origin.rstrip("/") if public_origin else None
        self._remembered = lru_cache(maxsize=256)(self._served)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves the request, or 400 when its host is not served here, or not named exactly once."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        named = [value for name, value in scope["headers"] if name == b"host"]
        # RFC 9112 section 3.2.
        unclear = len(named) > 1 or (not named and scope.get("http_version") == "1.1")
        client = scope.get("client")
        if client and (self._any_proxy or self._proxies) and self._trusted(client[0]):
            self._believe(scope)
        host = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"host"), "")
        if not host and scope.get("server"):
            host = str(scope["server"][0])
        scope["origin"] = self._public_origin or f"{scope['scheme']}://{host}"
        if unclear or (not self._is_served(host) and not (scope["path"].rstrip("/") in PROBES and _harmless(host))):
            log.warning("host is not served", host=host[:255], setting="NOTECHONDRIA_ALLOWED_HOSTS")
            if scope["type"] == "http":
                await respond_to(BadHost(), scope)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _is_served(self, host: str) -> bool:
        return len(host) <= LONGEST_HOST and self._remembered(host)

    def _served(self, host: str) -> bool:
        if not HOST.fullmatch(host):
            return False
        if self._any_host:
            return True
        if self._any_harmless and _harmless(host):
            return True
        name = _name(host)
        return name in self._exact or any(name.endswith(suffix) or name == suffix[1:] for suffix in self._suffixes)

    def _trusted(self, address: str) -> bool:
        return self._any_proxy or within(address, self._proxies)

    def _believe(self, scope: Scope) -> None:
        forwarded = {name: value.decode("latin-1") for name, value in scope["headers"] if name in FORWARDED}
        if not forwarded:
            return
        scheme = forwarded.get(b"x-forwarded-proto", "").split(",")[0].strip().lower()
        if scheme in ("http", "https"):
            scope["scheme"] = scheme
        host = forwarded.get(b"x-forwarded-host", "").split(",")[0].strip()
        if host:
            others = [pair for pair in scope["headers"] if pair[0] != b"host"]
            scope["headers"] = [*others, (b"host", host.encode("latin-1"))]
        # Proxies behind one another may add a line each.
        lines = [value.decode("latin-1") for name, value in scope["headers"] if name == b"x-forwarded-for"]
        hops = [_portless(hop.strip()) for hop in ",".join(lines).split(",") if hop.strip()]
        # Whatever stands left of the last proxy that is not ours was written by the client and may be anything.
        client = next((hop for hop in reversed(hops) if not self._trusted(hop)), hops[0] if hops else None)
        if client is not None and _is_address(client):
            scope["client"] = (client, 0)


def _name(host: str) -> str:
    return re.sub(r":[0-9]+$", "", host).rstrip(".").lower()


def _portless(hop: str) -> str:
    """The address alone: some proxies write the port behind it."""
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    return hop.partition(":")[0] if hop.count(":") == 1 else hop


def _harmless(host: str) -> bool:
    name = _name(host)
    return HOST.fullmatch(host) is not None and ("." not in name or _is_address(name.strip("[]")))


def within(address: str, networks: tuple[str, ...]) -> bool:
    """Whether the address lies in one of the networks; an IPv4 address in IPv6 notation counts as what it is."""
    return len(address) <= LONGEST_ADDRESS and _within(address, networks)


@lru_cache(maxsize=4096)
def _within(address: str, networks: tuple[str, ...]) -> bool:
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    mapped = getattr(parsed, "ipv4_mapped", None)
    return any((mapped or parsed) in ip_network(network, strict=False) for network in networks)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return len(text) <= LONGEST_ADDRESS
