"""A ZIP that is sent while it is made."""

from __future__ import annotations

from datetime import datetime
from typing import IO
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo


class ZipStream:
    """Files are put in one after the other; `taken` gives what has come out since it was asked last, `finished` the end.

    at: when the files in it were made, in UTC.
    """

    def __init__(self, at: datetime) -> None:
        self._out = _Out()
        self._zip = ZipFile(self._out, "w")
        self._at = at

    def add(self, name: str, content: bytes) -> None:
        """A whole file, compressed."""
        with self.file(name) as file:
            file.write(content)

    def file(self, name: str, *, packed: bool = True) -> IO[bytes]:
        """A file of any length, to be written piece by piece and closed before the next. packed: whether compressing it is worth while."""
        info = ZipInfo(name, self._at.timetuple()[:6])
        info.compress_type = ZIP_DEFLATED if packed else ZIP_STORED
        info.external_attr = 0o644 << 16
        opened: IO[bytes] = self._zip.open(info, "w", force_zip64=True)
        return opened

    def taken(self) -> bytes:
        """What has come out."""
        pieces, self._out.pieces = self._out.pieces, []
        return b"".join(pieces)

    def finished(self) -> bytes:
        """The rest, with the table of contents."""
        self._zip.close()
        return self.taken()


class _Out:
    """Takes what the library writes. It cannot be wound back; the library finds that out by itself."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []

    def write(self, piece: bytes) -> int:
        self.pieces.append(bytes(piece))
        return len(piece)

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """Nothing is open."""
