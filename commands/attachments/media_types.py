"""What kind of file something is: by its first bytes where those tell, else by its name, never by what was declared."""

from __future__ import annotations

import mimetypes
import re

UNKNOWN = "application/octet-stream"
HEAD_BYTES = 512
"""So many first bytes are looked at."""
LONGEST_TYPE = 128

PLAIN_IMAGES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "image/avif", "image/bmp"})
"""What browsers only ever draw. SVG is not one of them: it runs scripts."""

_SIGNATURES = (
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "image/png"),
    (re.compile(rb"\xff\xd8\xff"), "image/jpeg"),
    (re.compile(rb"GIF8[79]a"), "image/gif"),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), "image/webp"),
    (re.compile(rb"....ftypavi[fs]", re.DOTALL), "image/avif"),
    (re.compile(rb"BM.{4}\0\0\0\0", re.DOTALL), "image/bmp"),
    (re.compile(rb"%PDF-"), "application/pdf"),
)
_PACKED = {"gzip": "application/gzip", "bzip2": "application/x-bzip2", "xz": "application/x-xz", "compress": "application/x-compress"}
_DECLARED = re.compile(r"[\w.+-]+/[\w.+-]+(\s*;.*)?", re.ASCII)


def media_type(filename: str, head: bytes) -> str:
    """The type under which the file is served."""
    for signature, found in _SIGNATURES:
        if signature.match(head):
            return found
    named, packing = mimetypes.guess_type(filename, strict=True)
    if packing is not None:
        # The type would be that of what is packed inside.
        return _PACKED.get(packing, UNKNOWN)
    # An image that does not begin like one is no image, whatever it is called.
    return UNKNOWN if named is None or named in PLAIN_IMAGES else named


def content_type(declared: str, derived: str) -> str:
    """The type that clients are told: what the uploader declared, unless that says nothing."""
    declared = declared.strip()
    if not _DECLARED.fullmatch(declared) or declared.lower().startswith(UNKNOWN):
        return derived
    return declared[:LONGEST_TYPE]
