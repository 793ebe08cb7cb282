"""Shapes of attachments (contract: notes 2.9)."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

ATTACHMENT_EXAMPLE: dict[str, Any] = {
    "id": 8,
    "note_id": 27,
    "original_filename": "cell.png",
    "file_size": 48213,
    "content_type": "image/png",
    "url": "https://api.example.org/media/user_upload/user_9/notes/note_27/pTzSdW3mXgTn2v5r/cell.png",
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "date_created": "2031-04-12T09:15:00.120000+00:00",
}


class AttachmentOut(BaseModel):
    """A file of a note. `url` never changes."""

    model_config = ConfigDict(json_schema_extra={"examples": [ATTACHMENT_EXAMPLE]})

    id: int
    note_id: int
    original_filename: str
    file_size: int
    content_type: str
    url: str
    sha256: str
    date_created: str
