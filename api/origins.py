"""Which web origins may read answers of the API (contract: planner_platform 12.1)."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Literal
from urllib.parse import urlsplit

LOCAL = frozenset(("localhost", "127.0.0.1", "::1"))
PORTS = {"http": 80, "https": 443}
ANY = "*"
LONGEST = 300
"""Characters: a name of 253, its scheme and its port. No host is named by more, and nothing longer is remembered."""

Sharing = Literal["no", "plain", "with_credentials"]


class Origins:
    """The origins of apps, decided by name.

    hosts: as in the allowed hosts, whatever the scheme and port; a leading dot takes in subdomains. origins: scheme, host and
    port, `https://*.example.org` for subdomains; an entry without a scheme counts as a host. `*` among them is any origin, which
    is then not told that it may send credentials.
    """

    def __init__(self, hosts: Iterable[str], origins: Iterable[str]) -> None:
        origins = [entry.lower().rstrip("/") for entry in origins]
        self._hosts = [*LOCAL, *(host.lower() for host in hosts), *(entry for entry in origins if "://" not in entry)]
        self._origins = [_parts(entry) for entry in origins if "://" in entry]
        self._any = ANY in self._hosts
        self._remembered = lru_cache(maxsize=1024)(self._sharing)

    def sharing(self, origin: str) -> Sharing:
        """Whether pages of this origin may read answers."""
        return self._remembered(origin) if len(origin) <= LONGEST else self._others()

    def _sharing(self, origin: str) -> Sharing:
        try:
            scheme, host, port = _parts(origin.lower())
        except ValueError:
            host = ""
        else:
            known = any(_names(entry, host) for entry in self._hosts)
            if known or any((scheme, port) == (s, p) and _names(h.removeprefix("*"), host) for s, h, p in self._origins):
                return "with_credentials"
        return self._others()

    def _others(self) -> Sharing:
        return "plain" if self._any else "no"


def _parts(origin: str) -> tuple[str, str, int | None]:
    parts = urlsplit(origin)
    if not parts.hostname or parts.path or parts.query or parts.fragment or parts.username is not None:
        raise ValueError(origin)
    return parts.scheme, parts.hostname, parts.port or PORTS.get(parts.scheme)


def _names(entry: str, host: str) -> bool:
    return host == entry or (entry.startswith(".") and len(entry) > 1 and host.endswith(entry))
