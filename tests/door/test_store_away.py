"""A file store that cannot be used is told as such, not as a fault of ours."""

from __future__ import annotations

from api.errors import FILES_AWAY, respond_to
from eventstore.blobs import BlobStoreUnavailable


def test_a_file_store_that_is_away_asks_to_come_again() -> None:
    answer = respond_to(BlobStoreUnavailable("no space left"), {"type": "http", "path": "/api/v1/notes/1/attachments/", "headers": []})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert FILES_AWAY.encode() in answer.body
