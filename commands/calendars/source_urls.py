"""From the addresses that people copy to the ones that hold a calendar (contract: planner_platform 4.4)."""

from __future__ import annotations

import base64
import binascii
from urllib.parse import parse_qs, quote, urlsplit

GOOGLE = "calendar.google.com"
SCHEMES = {"webcal": "https", "webcals": "https"}


def calendar_address(url: str) -> str:
    """The address to read: webcal becomes https, pages of Google Calendar become the calendar's own address."""
    url = over_https(url.strip())
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").lower()
    except ValueError:
        return url
    if host != GOOGLE or "/calendar/ical/" in parts.path:
        return url
    query = parse_qs(parts.query, keep_blank_values=True)
    if "src" in query:
        calendar_id = query["src"][0]
    elif "cid" in query:
        calendar_id = _decoded(query["cid"][0])
    else:
        return url
    if not calendar_id:
        return url
    return f"https://{GOOGLE}/calendar/ical/{quote(calendar_id, safe='')}/public/basic.ics"


def over_https(url: str) -> str:
    """A webcal address as the https one that it stands for; others as they are."""
    scheme, separator, rest = url.partition("://")
    return f"{SCHEMES[scheme.lower()]}://{rest}" if separator and scheme.lower() in SCHEMES else url


def _decoded(cid: str) -> str:
    """The id in a `cid`: as it is, or from URL-safe base64; empty when neither looks like the id of a calendar."""
    if "@" in cid:
        return cid.strip()
    try:
        text = base64.urlsafe_b64decode(cid + "=" * (-len(cid) % 4)).decode("utf-8", "ignore").strip()
    except (binascii.Error, ValueError):
        return ""
    return text if "@" in text else ""
