"""What clients call a version of a note: the note's id and the version of its stream, in one number (contract: notes 8)."""

from __future__ import annotations

VERSION_BITS = 24
"""The stream's version takes so many."""
LONGEST_STREAM = 1 << VERSION_BITS


def version_id(note_id: int, version: int) -> int:
    """The id that clients see."""
    return (note_id << VERSION_BITS) + version


def stream_version(note_id: int, wanted: int) -> int | None:
    """The version of the note's stream that an id means, also when it is just the version; None for other notes' versions."""
    owner, version = wanted >> VERSION_BITS, wanted % LONGEST_STREAM
    return version if owner in (0, note_id) and version else None
