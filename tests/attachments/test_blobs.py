"""The store of files: whole or not at all, inside its folder, under paths nobody can guess."""

from __future__ import annotations

import io
import os
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from eventstore.blobs import (
    LONGEST_PATH,
    MARKER,
    PIECE,
    BlobMissing,
    Blobs,
    BlobStoreFull,
    BlobStoreUnavailable,
    _hand_over,
    is_path,
    new_path,
    safe_name,
)
from tests.attachments.s3_server import KEY_ID, SECRET, s3_server


@pytest.fixture(params=["folder", "memory", "s3", "r2"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Blobs]:
    if request.param == "folder":
        yield Blobs.at(tmp_path / "media")
    elif request.param == "memory":
        yield Blobs.at("memory://")
    else:
        with s3_server() as s3:
            if request.param == "s3":
                for name, value in s3.environment().items():
                    monkeypatch.setenv(name, value)
                yield Blobs.at(f"s3://{s3.bucket}/below/here")
                assert all(key.startswith("below/here/") for key in s3.objects)
            else:
                monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
                yield Blobs.in_bucket(s3.bucket, s3.endpoint, KEY_ID, SECRET)
                assert all(key.startswith("media/") for key in s3.objects)


async def _all(blobs: Blobs, path: str, start: int, end: int) -> bytes:
    return b"".join([piece async for piece in blobs.stream(path, start, end)])


async def test_what_was_put_is_read_back_whole_and_in_parts(blobs: Blobs) -> None:
    content = bytes(range(256)) * 40_000
    path = new_path("user_upload/user_1/notes/note_2", "big file.bin")
    await blobs.put(path, io.BytesIO(content))
    found = await blobs.find(path)
    assert found is not None
    assert (found.path, found.size) == (path, len(content))
    assert await _all(blobs, path, 0, len(content)) == content
    assert await _all(blobs, path, 1_000_000, 1_000_007) == content[1_000_000:1_000_007]
    assert await _all(blobs, path, 5, 5) == b""
    assert blobs.read_now(path) == content


async def test_no_answer_of_the_store_waits_for_who_reads_slowly(blobs: Blobs) -> None:
    path = new_path("a", "big file.bin")
    await blobs.put(path, bytes(2 * PIECE))
    pieces = blobs.stream(path, 0, 2 * PIECE)
    assert len(await anext(pieces)) == PIECE
    await blobs.delete([path])
    with pytest.raises(BlobMissing):
        await anext(pieces)


async def test_empty_files_and_names_in_other_scripts_are_kept(blobs: Blobs) -> None:
    path = new_path("a", "日本 語.png")
    blobs.put_now(path, b"")
    assert path.endswith("/日本_語.png")
    found = await blobs.find(path)
    assert found is not None
    assert found.size == 0
    assert [blob.path for batch in blobs.list_now("a") for blob in batch] == [path]


def test_all_files_below_a_folder_are_listed(blobs: Blobs) -> None:
    paths = {new_path("a/b", "x") for _ in range(230)}
    for path in [*paths, new_path("a/c", "x"), new_path("a/bc", "x")]:
        blobs.put_now(path, b"1")
    assert {blob.path for batch in blobs.list_now("a/b") for blob in batch} == paths
    assert sum(len(batch) for batch in blobs.list_now()) == 232
    assert list(blobs.list_now("nothing")) in ([], [[]])


async def test_the_mark_of_the_store_is_no_file(blobs: Blobs) -> None:
    assert blobs.owner_now() is None
    for owner in ("one", "two"):
        blobs.mark_now(owner)
        assert blobs.owner_now() == owner
    assert [blob for batch in blobs.list_now() for blob in batch] == []
    assert await blobs.find(MARKER) is None
    blobs.delete_now([MARKER])
    assert blobs.owner_now() == "two"


async def test_deleting_twice_is_no_error_and_other_files_stay(blobs: Blobs) -> None:
    kept, gone = new_path("a", "x"), new_path("a", "x")
    for path in (kept, gone):
        await blobs.put(path, b"1")
    await blobs.delete([gone])
    blobs.delete_now([gone, "../outside", "never/was"])
    assert await blobs.find(gone) is None
    assert blobs.read_now(gone) is None
    assert await blobs.find(kept) is not None


@pytest.mark.parametrize(
    "path", ["", "/etc/passwd", "../x", "a/../b", "a//b", "a/.hidden", "a/", "a\x00b", "a" * 101, "a/b%2f", "a\\b", "a\n"]
)
async def test_paths_that_are_not_ours_name_nothing(blobs: Blobs, path: str) -> None:
    assert not is_path(path)
    assert await blobs.find(path) is None
    assert blobs.read_now(path) is None
    with pytest.raises(ValueError):
        await blobs.put(path, b"")


@pytest.mark.parametrize(
    ("filename", "safe"),
    [
        ("cell.png", "cell.png"),
        ("my cell (2).png", "my_cell_2.png"),
        ("..", "untitled"),
        (".htaccess", "htaccess"),
        ("<script>.svg", "script.svg"),
        ("", "untitled"),
        ("😀.png", "file.png"),
        (" ★★.md", "file.md"),
        ("😀.", "untitled"),
        ("☂.tar.gz", "file.tar.gz"),
        ("a/../../b", "a....b"),
    ],
)
def test_names_are_made_safe(filename: str, safe: str) -> None:
    assert safe_name(filename) == safe


def test_paths_differ_each_time_and_stay_short() -> None:
    folder = "user_upload/user_123456789/notes/note_123456789"
    paths = {new_path(folder, "x" * 300 + ".jpeg") for _ in range(50)}
    assert len(paths) == 50
    assert all(len(path) <= LONGEST_PATH and path.endswith(".jpeg") and is_path(path) for path in paths)


def test_what_a_crash_has_left_half_stored_is_removed_once_it_is_old(tmp_path: Path) -> None:
    blobs = Blobs.at(tmp_path)
    begun: set[Path] = set()

    class Watching(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            begun.update(path for path in tmp_path.rglob("*") if path.is_file())
            return super().read(size)

    blobs.put_now("a/b/c.txt", Watching(bytes(6_000_000)))
    (half,) = begun
    for place in (half, tmp_path / "d.txt#12"):
        place.write_bytes(b"half")
    now = datetime.now(UTC)
    blobs.remove_halves_now(older_than=now - timedelta(hours=1))
    assert half.exists()
    blobs.remove_halves_now("a", older_than=now + timedelta(hours=1))
    assert (half.exists(), (tmp_path / "d.txt#12").exists()) == (False, True)
    blobs.remove_halves_now()
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["c.txt"]


def test_a_store_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    blobs = Blobs.at(tmp_path / "media")
    (tmp_path / "media" / "a").write_bytes(b"a file where a folder has to be")
    with pytest.raises(BlobStoreUnavailable):
        blobs.put_now("a/b/c", b"1")
    with pytest.raises(BlobStoreUnavailable, match=r"/media/a cannot be made: File exists$"):
        Blobs.at(tmp_path / "media" / "a")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give away what it makes")
def test_what_root_stores_in_a_folder_of_somebody_else_is_theirs(tmp_path: Path) -> None:
    theirs = tmp_path / "data"
    theirs.mkdir()
    os.chown(theirs, 10_001, 10_002)
    blobs = Blobs.at(theirs / "media")
    for _ in range(2):
        blobs.put_now("user_upload/user_1/a.txt", b"a")
        blobs.mark_now("me")
    assert {(made.stat().st_uid, made.stat().st_gid) for made in theirs.rglob("*")} == {(10_001, 10_002)}
    secret = tmp_path / "secret"
    secret.write_text("root's")
    (theirs / "media" / "linked").symlink_to(secret)
    with pytest.raises(OSError, match="symbolic links"):
        _hand_over([theirs / "media" / "linked"])
    (theirs / "media" / "hard").hardlink_to(secret)
    _hand_over([theirs / "media" / "hard"])
    assert secret.stat().st_uid == 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with room for next to nothing."""
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", tmp_path], capture_output=True, check=False)
    if mounted.returncode != 0:
        pytest.skip(f"a file system cannot be mounted here: {mounted.stderr.decode().strip()}")
    yield tmp_path
    subprocess.run(["umount", "--lazy", tmp_path], check=True)


async def test_a_full_disk_is_told_from_other_faults(small_disk: Path) -> None:
    blobs = Blobs.at(small_disk / "media")
    for content in (bytes, io.BytesIO):
        with pytest.raises(BlobStoreFull):
            blobs.put_now("a/b", content(bytes(200_000)))
        with pytest.raises(BlobStoreFull):
            await blobs.put("a/c", content(bytes(200_000)))
    blobs.put_now("a/d", b"this has room")
    with pytest.raises(BlobStoreUnavailable) as raised:
        blobs.put_now("a/d/e", b"1")
    assert not isinstance(raised.value, BlobStoreFull)


def test_a_store_that_refuses_the_key_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    with s3_server() as s3:
        blobs = Blobs.in_bucket(s3.bucket, s3.endpoint, KEY_ID, "another key")
        with pytest.raises(BlobStoreUnavailable):
            blobs.put_now("a/b", b"1")
        with pytest.raises(BlobStoreUnavailable):
            blobs.read_now("a/b")


async def test_a_file_and_the_folders_made_for_it_are_forced_to_disk_beside_the_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forced: list[tuple[str, bool]] = []

    def note(handle: int) -> None:
        forced.append((str(Path(f"/proc/self/fd/{handle}").readlink()), threading.current_thread() is threading.main_thread()))

    monkeypatch.setattr(os, "fsync", note)
    blobs = Blobs.at(tmp_path / "media")
    await blobs.put("a/b/c/file", b"1")
    assert sorted(forced) == [(str(tmp_path / "media" / name), False) for name in ("", "a", "a/b", "a/b/c", "a/b/c/file")]
    forced.clear()
    await blobs.put("a/b/c/other", b"1")
    assert sorted(forced) == [(str(tmp_path / "media" / name), False) for name in ("a/b/c", "a/b/c/other")]
