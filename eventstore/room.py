"""Telling a full disk from everything else, whoever ran into it: the database, the store of files, or this process."""

from __future__ import annotations

import errno

import psycopg

_FULL = (errno.ENOSPC, errno.EDQUOT)
_TOLD = tuple(f"(os error {number})" for number in _FULL)
"""The store of files tells numbers in its text only."""


def disk_full(error: BaseException | None) -> bool:
    """Whether this is the end of what a disk that has no room left began."""
    while error is not None:
        if isinstance(error, psycopg.errors.DiskFull) or (isinstance(error, OSError) and error.errno in _FULL):
            return True
        if any(told in str(error) for told in _TOLD):
            return True
        error = error.__cause__
    return False
