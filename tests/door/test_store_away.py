"""A file store that cannot be used is told as such, not as a fault of ours."""

from __future__ import annotations

import errno
import json
import logging

import psycopg
import pytest
import structlog

from api.errors import DISK_FULL, FILES_AWAY, Unauthenticated, respond_to
from eventstore.blobs import BlobStoreFull, BlobStoreUnavailable


def test_a_file_store_that_is_away_asks_to_come_again() -> None:
    answer = respond_to(BlobStoreUnavailable("no space left"), {"type": "http", "path": "/api/v1/notes/1/attachments/", "headers": []})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert FILES_AWAY.encode() in answer.body


@pytest.mark.parametrize(
    "error",
    [
        psycopg.errors.DiskFull("could not extend file"),
        OSError(errno.ENOSPC, "No space left on device"),
        BlobStoreFull("Generic LocalFileSystem error: Unable to copy data to file: No space left on device (os error 28)"),
    ],
    ids=["database", "temporary file", "store"],
)
def test_a_full_disk_is_told_in_one_sentence(error: Exception) -> None:
    scope = {"type": "http", "path": "/api/v1/notes/1/attachments/", "headers": [], "request_id": "find-me"}
    answer = respond_to(error, scope)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "60")
    assert json.loads(bytes(answer.body)) == {"detail": DISK_FULL, "request_id": "find-me"}


@pytest.mark.parametrize(
    "error",
    [
        BlobStoreUnavailable("away"),
        psycopg.errors.DiskFull("no room"),
        psycopg.OperationalError("away"),
        ValueError(),
        Unauthenticated("no"),
    ],
    ids=["files", "disk", "database", "crash", "refused"],
)
def test_no_line_of_the_log_holds_the_address_of_a_calendar(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    scope = {"type": "http", "path": "/calendar/0123abcd.ics", "method": "GET", "headers": []}
    with caplog.at_level(logging.INFO), structlog.testing.capture_logs() as logged:
        respond_to(error, scope)
    lines = [*map(str, logged), *(record.getMessage() for record in caplog.records)]
    assert lines
    assert not [line for line in lines if "0123abcd" in line]


@pytest.mark.parametrize(
    "error",
    [
        # What people wrote stands in texts of errors; only who ran out of room says so.
        psycopg.errors.CheckViolation('Failing row contains (note-1, "No space left on device (os error 28)").'),
        ValueError("(os error 28)"),
    ],
)
def test_a_text_about_a_full_disk_is_not_one(error: Exception) -> None:
    scope = {"type": "http", "path": "/api/v1/notes/", "method": "POST", "headers": []}
    assert respond_to(error, scope).status_code == 500


def test_another_error_of_the_system_is_a_fault_of_ours() -> None:
    scope = {"type": "http", "path": "/api/v1/notes/", "method": "GET", "headers": []}
    assert respond_to(OSError(errno.EBADF, "Bad file descriptor"), scope).status_code == 500
