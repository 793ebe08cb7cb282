"""Telling a full disk from everything else, whoever ran into it: the database, the store of files, or this process."""

from __future__ import annotations

import errno

import psycopg

from eventstore.blobs import BlobStoreFull

_FULL = (errno.ENOSPC, errno.EDQUOT)


def disk_full(error: BaseException | None) -> bool:
    """Whether this is the end of what a disk that has no room left began."""
    while error is not None:
        if isinstance(error, (psycopg.errors.DiskFull, BlobStoreFull)) or (isinstance(error, OSError) and error.errno in _FULL):
            return True
        error = error.__cause__
    return False
