"""The text that clients keep about a note, as far as the server reads it (contract: clients 6.4, 7.3, 7.4)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from eventstore.halves import as_text, canonical, parsed_exactly

MERGED = ("description", "course_id", "is_public")
"""What the server puts into the served text; it comes back with the next save."""
STAMP = "source_note_last_edit"
"""The last edit of the state that a device copied. Where it is there, it is served as the note's own last edit."""
BOOKKEEPING = {
    *MERGED,
    STAMP,
    "pulled_from_cloud_note_id",
    "pulled_from_account",
    "is_cloud_copy",
    "offline_source_note_id",
    "queued_attachments",
    "autosave",
}
"""How a device came to its draft, and what it still has to do with it: says nothing of the note."""
LONGEST_ID = 2**53


def as_object(metadata_json: str) -> dict[str, Any] | None:
    """The JSON object in the text, None when it is none."""
    if not metadata_json:
        return None
    try:
        value = parsed_exactly(metadata_json)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def is_same_metadata(sent: str, kept: str) -> bool:
    """Whether the sent text says nothing but what is kept, and what was merged into it when it was served."""
    if sent == kept:
        return True
    new = as_object(sent)
    old = as_object(kept) if kept.strip() else {}
    if new is None or old is None:
        return False
    served = {*MERGED, STAMP} if STAMP in new and STAMP in old else set(MERGED)
    said, had = ({name: value for name, value in text.items() if name not in served} for text in (new, old))
    return canonical(said) == canonical(had)


def adds_nothing(sent: str, kept: str) -> bool:
    """Whether all that the sent text says of the note is kept already. What is empty says nothing."""
    if not sent.strip() or sent == kept:
        return True
    new, old = as_object(sent), as_object(kept) or {}
    return new is not None and all(not value or name in BOOKKEEPING or _has(old, name, value) for name, value in new.items())


def merged_metadata(sent: str, had: str, kept: str) -> str:
    """What is kept, with what the sender has changed of what it had; the sent text where one of them is no object."""
    new, base, now = (as_object(text) if text.strip() else {} for text in (sent, had, kept))
    if new is None or base is None or now is None:
        return sent
    changed = {name: value for name, value in new.items() if not _has(base, name, value)}
    left_out = {name for name in base if name not in new and name not in MERGED}
    return as_text({**{name: value for name, value in now.items() if name not in left_out}, **changed})


def _has(members: dict[str, Any], name: str, value: object) -> bool:
    return name in members and canonical(members[name]) == canonical(value)


def offline_source(metadata_json: str) -> int | None:
    """The note that a device could not save to, so that this one was made of its draft."""
    return _positive((as_object(metadata_json) or {}).get("offline_source_note_id"))


def copied_state(note_id: int, sent: str) -> datetime | None:
    """When the state of the note that a device copied and now saves over was edited; None when it does not say."""
    new = as_object(sent) or {}
    stamp = new.get(STAMP)
    origin = new.get("pulled_from_cloud_note_id")
    if not isinstance(stamp, str) or (origin is not None and _positive(origin) != note_id):
        return None
    try:
        moment = datetime.fromisoformat(stamp.strip())
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def _positive(value: object) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 17:
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value < LONGEST_ID:
        return value
    return None
