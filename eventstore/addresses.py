"""Spellings of one mail address: letters of either case, and a domain in its own script or as DNS writes it (RFC 5890)."""

from __future__ import annotations

import idna


def canonical_address(address: str) -> str:
    """The one spelling that is stored and mailed to: lower case, with the domain in ASCII. What is no address is only lowered."""
    name, at, domain = address.rpartition("@")
    return f"{name.lower()}{at}{_ascii(domain)}" if at else address.lower()


def spellings(address: str) -> list[str]:
    """All spellings under which an account may be kept: those of before the domain was written in ASCII as well."""
    canonical = canonical_address(address)
    name, at, domain = canonical.rpartition("@")
    try:
        shown = f"{name}{at}{idna.decode(domain)}" if "xn--" in domain else canonical
    except idna.IDNAError:
        shown = canonical
    return list(dict.fromkeys((canonical, shown, address.lower())))


def _ascii(domain: str) -> str:
    lowered = domain.lower()
    if lowered.isascii() and "xn--" not in lowered:
        return lowered
    try:
        return idna.encode(lowered, uts46=True).decode()
    except idna.IDNAError:
        return lowered
