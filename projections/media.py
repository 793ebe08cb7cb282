"""Addresses of stored files in answers."""

from __future__ import annotations

from urllib.parse import quote

ORIGIN = "\x1a"
"""Stands for the scheme and host under which the client reached us, which only the door knows."""


def media_path(path: str) -> str:
    """Where a stored file is served, without scheme and host."""
    return f"/media/{quote(path)}"


def media_url(path: str) -> str:
    """The address of a stored file, empty when there is none."""
    return f"{ORIGIN}{media_path(path)}" if path else ""


def with_origin(text: str) -> str:
    """JSON text whose media addresses begin with ORIGIN itself, which JSON escapes. Words of people are left alone."""
    return text.replace('"\\u001a/media/', f'"{ORIGIN}/media/')
