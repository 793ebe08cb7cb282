"""The one client for requests to addresses that users choose: it never reaches what only this machine or its network can reach.

Every name is resolved first, all of its addresses are checked, and the connection goes to the address that was checked, so
that a name that means something else a moment later (rebinding) gains nothing. Redirects are followed by hand, each hop
checked the same way. Size and time are limited, compressed bodies are measured as they unfold.
"""

from __future__ import annotations

import asyncio
import base64
import ipaddress
import logging
import socket
import threading
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, unquote, urljoin, urlsplit, urlunsplit

import httpx

from commands.calendars.source_urls import over_https

SECONDS_PER_STEP = 10.0
SECONDS = 30.0
MOST_REDIRECTS = 5
PERMANENT = frozenset({301, 308})
REDIRECTS = frozenset({301, 302, 303, 307, 308})
CHUNK = 65_536
PIECE = 4_096
GZIP = b"\x1f\x8b"

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_NEVER = tuple(ipaddress.ip_network(text) for text in ("3fff::/20", "5f00::/16", "64:ff9b:1::/48", "192.88.99.0/24"))
"""Not of the public internet, although not every version of the standard library knows it."""

for _library in ("httpx", "httpcore"):
    # They log whole addresses at INFO, and those of private calendars are secrets.
    logging.getLogger(_library).setLevel(logging.WARNING)

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Unreachable(Exception):
    """No answer came: name, connection, time or size. The message is for the user and holds no secrets."""


class AddressRefused(Unreachable):
    """The address lies where this server does not go: its own network, or a scheme that is not served."""


@dataclass(frozen=True, slots=True)
class Policy:
    """Where requests may go beside the public internet: everywhere, or to these hosts and networks."""

    allow_private: bool = False
    allowed: Sequence[str] = ()
    seconds: float = SECONDS

    def admits(self, host: str, address: Address) -> bool:
        """Whether a host at this address may be asked."""
        return self.allow_private or is_public(address) or any(_matches(entry, host, address) for entry in self.allowed)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, and from which address. `moved_to` is set when every hop said that it is permanent."""

    url: str = field(repr=False)
    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    moved_to: str | None


@dataclass(frozen=True, slots=True)
class Conditions:
    """Headers that only this very address is sent, wherever redirects lead: they speak of an answer that it gave itself."""

    url: str = field(repr=False)
    headers: Mapping[str, str]


def is_public(address: Address) -> bool:
    """Whether the address is one of the public internet, also behind the ways of writing IPv4 in IPv6."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if inner is None and address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
        if address.is_site_local:
            return False
    if any(address in network for network in _NEVER):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved and not address.is_unspecified


def _matches(entry: str, host: str, address: Address) -> bool:
    try:
        return address in ipaddress.ip_network(entry, strict=False)
    except ValueError:
        return entry.lower().rstrip(".") == host.lower().rstrip(".")


def masked(url: str) -> str:
    """The address for logs: scheme and host only, since paths and queries of private calendars are secrets."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "…"
    return f"{parts.scheme}://{parts.hostname}/…"


def fetch(url: str, headers: Mapping[str, str], *, limit: int, policy: Policy, conditions: Conditions | None = None) -> Answer:
    """GETs the address from a thread. limit: bytes of the body, unfolded. Raises Unreachable or AddressRefused."""
    try:
        return asyncio.run(asyncio.wait_for(_fetch(url, headers, limit, policy, conditions), policy.seconds))
    except TimeoutError:
        raise Unreachable("The address took too long to answer.") from None
    except httpx.HTTPError as error:
        raise Unreachable(f"The address could not be read ({type(error).__name__}).") from None
    except (OSError, ValueError, UnicodeError) as error:
        raise Unreachable(f"The address could not be reached ({type(error).__name__}).") from None


async def _fetch(url: str, headers: Mapping[str, str], limit: int, policy: Policy, conditions: Conditions | None) -> Answer:
    permanent, moved_to = True, None
    for _ in range(MOST_REDIRECTS + 1):
        sent = {**headers, **conditions.headers} if conditions is not None and conditions.url == url else headers
        answer, target = await _one(url, sent, limit, policy)
        if target is None:
            return Answer(url, answer.status, answer.headers, answer.body, moved_to)
        url = _with_credentials_of(url, over_https(target))
        permanent = permanent and answer.status in PERMANENT
        moved_to = url if permanent else None
    raise Unreachable("The address redirects too often.")


def _origin(parts: SplitResult) -> tuple[str, str | None, int]:
    return parts.scheme.lower(), parts.hostname, parts.port or _usual_port(parts)


def _usual_port(parts: SplitResult) -> int:
    return 443 if parts.scheme.lower() == "https" else 80


def _with_credentials_of(url: str, target: str) -> str:
    """The target of a redirect, with the credentials of the address that led there if it is on the same server and names none."""
    parts, onward = urlsplit(url), urlsplit(target)
    credentials, given, _ = parts.netloc.rpartition("@")
    if not given or "@" in onward.netloc or _origin(onward) != _origin(parts):
        return target
    return urlunsplit(onward._replace(netloc=f"{credentials}@{onward.netloc}"))


async def _one(url: str, headers: Mapping[str, str], limit: int, policy: Policy) -> tuple[Answer, str | None]:
    parts = urlsplit(url)
    if parts.scheme.lower() not in ("http", "https") or not parts.hostname:
        raise AddressRefused("Only http and https addresses are read.")
    host = parts.hostname
    sent = {**headers, "Accept-Encoding": "gzip", "Host": _host_header(host, parts.port)}
    if parts.username is not None:
        secret = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        sent["Authorization"] = "Basic " + base64.b64encode(secret.encode()).decode()
    address = await _vetted(host, parts.port or _usual_port(parts), policy)
    literal = f"[{address}]" if address.version == 6 else str(address)
    pinned = urlunsplit((parts.scheme, literal + (f":{parts.port}" if parts.port else ""), parts.path or "/", parts.query, ""))
    async with (
        httpx.AsyncClient(follow_redirects=False, trust_env=False, timeout=SECONDS_PER_STEP) as client,
        client.stream("GET", pinned, headers=sent, extensions={"sni_hostname": host}) as response,
    ):
        if response.status_code in REDIRECTS and (location := response.headers.get("location")):
            return Answer(url, response.status_code, {}, b"", None), urljoin(url, location.strip())
        body = await _body(response, limit) if response.status_code == httpx.codes.OK else b""
        return Answer(url, response.status_code, dict(response.headers), body, None), None


async def _vetted(host: str, port: int, policy: Policy) -> Address:
    """The address to connect to. All addresses of the name have to be admitted, not only the one that is used."""
    try:
        found = await _looked_up(host, port)
    except OSError:
        raise Unreachable("The host of the address is not known.") from None
    addresses = [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
    if not addresses:
        raise Unreachable("The host of the address is not known.")
    for address in addresses:
        if not policy.admits(host, address):
            raise AddressRefused("The address lies in a private network, which this server does not read.")
    return addresses[0]


async def _looked_up(host: str, port: int) -> list[Any]:
    """What the name means, from a thread that is left behind when nobody waits for it any more.

    The system asks name servers for up to half a minute and cannot be stopped; the loop's own threads are waited for in the end.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[list[Any]] = loop.create_future()

    def settle(found: list[Any] | None, error: Exception | None) -> None:
        if answer.done():
            return
        if error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(found or [])

    def look_up() -> None:
        found, error = None, None
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except Exception as failure:  # noqa: BLE001 - told to whoever waits
            error = failure
        with suppress(RuntimeError):  # the loop is closed: nobody waits
            loop.call_soon_threadsafe(settle, found, error)

    threading.Thread(target=look_up, name="resolver", daemon=True).start()
    return await answer


class _Members:
    """The members of a gzip body, one behind the other (RFC 1952, 2.2). What does not begin like one ends the body."""

    def __init__(self) -> None:
        self._unpacker = zlib.decompressobj(wbits=47)
        self.ended = False

    @property
    def is_whole(self) -> bool:
        """Whether the present member has come to its end."""
        return self._unpacker.eof

    def unfold(self, raw: bytes) -> Iterator[bytes]:
        """What these bytes unfold to, in pieces. Raises zlib.error."""
        while raw:
            if self._unpacker.eof:
                self.ended = not GZIP.startswith(raw[: len(GZIP)])
                if self.ended:
                    return
                self._unpacker = zlib.decompressobj(wbits=31)
            yield self._unpacker.decompress(raw, CHUNK)
            raw = self._unpacker.unconsumed_tail or self._unpacker.unused_data


async def _body(response: httpx.Response, limit: int) -> bytes:
    packed = response.headers.get("content-encoding", "").lower() in ("gzip", "x-gzip")
    members = _Members() if packed else None
    chunks: list[bytes] = []
    size = received = 0
    # In small pieces, since each member copies what comes behind it in its piece.
    async for raw in response.aiter_raw(PIECE):
        # What unfolds to nothing is too much at some time as well.
        received += len(raw)
        try:
            for chunk in members.unfold(raw) if members else (raw,):
                size += len(chunk)
                if max(size, received) > limit:
                    raise Unreachable(f"The calendar is larger than {limit // 2**20} MB.")
                chunks.append(chunk)
        except zlib.error:
            raise Unreachable("The answer is not what it says it is.") from None
        if members is not None and members.ended:
            break
    if members is not None and not members.is_whole:
        raise Unreachable("The answer ends before it is complete.")
    return b"".join(chunks)


def _host_header(host: str, port: int | None) -> str:
    name = f"[{host}]" if ":" in host else host.encode("idna").decode()
    return f"{name}:{port}" if port else name
