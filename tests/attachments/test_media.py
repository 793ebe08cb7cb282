"""Serving stored files: parts, conditions, and nothing that could act as a page of ours."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from time import process_time

import httpx
import pytest

from api.ranges import Span, requested_span
from eventstore.blobs import Blob, Blobs, BlobStoreUnavailable
from tests.door.people import Person
from wiring import Services

MakeNote = Callable[..., int]
PNG = b"\x89PNG\r\n\x1a\n" + b"0123456789"


@pytest.fixture
def url(server: httpx.Client, make_note: MakeNote, mira: Person) -> str:
    answer = server.post(f"notes/{make_note(mira)}/attachments/", files={"file": ("a.png", PNG)}, headers=mira.headers)
    address: str = answer.json()["url"]
    return address


@pytest.mark.parametrize(
    ("asked", "content", "shown"),
    [
        ("bytes=0-3", PNG[:4], "bytes 0-3/18"),
        ("bytes=8-", PNG[8:], "bytes 8-17/18"),
        ("bytes=-4", PNG[-4:], "bytes 14-17/18"),
        ("bytes=16-400", PNG[16:], "bytes 16-17/18"),
        ("bytes=-400", PNG, "bytes 0-17/18"),
    ],
)
def test_ranges(site: httpx.Client, url: str, asked: str, content: bytes, shown: str) -> None:
    answer = site.get(url, headers={"Range": asked})
    assert (answer.status_code, answer.content) == (206, content)
    assert answer.headers["content-range"] == shown


@pytest.mark.parametrize("asked", ["bytes=5-2", "bytes=0-1,3-4", "lines=1-2", "bytes=", "bytes=-", "bytes=x-y", "bytes=" + "9" * 50 + "-"])
def test_ranges_that_say_nothing_give_the_whole_file(site: httpx.Client, url: str, asked: str) -> None:
    answer = site.get(url, headers={"Range": asked})
    assert (answer.status_code, answer.content) == (200, PNG)


@pytest.mark.parametrize("asked", ["bytes=18-", "bytes=100-200", "bytes=-0"])
def test_ranges_outside_the_file(site: httpx.Client, url: str, asked: str) -> None:
    answer = site.get(url, headers={"Range": asked})
    assert (answer.status_code, answer.headers["content-range"]) == (416, "bytes */18")


def test_conditions(site: httpx.Client, url: str) -> None:
    first = site.get(url)
    etag, modified = first.headers["etag"], first.headers["last-modified"]
    for condition in (
        {"If-None-Match": etag},
        {"If-None-Match": f'"x", W/{etag}'},
        {"If-None-Match": "*"},
        {"If-Modified-Since": modified},
    ):
        answer = site.get(url, headers=condition)
        assert (answer.status_code, answer.content) == (304, b"")
    for condition in (
        {"If-None-Match": '"x"', "If-Modified-Since": modified},
        {"If-Modified-Since": "Thu, 01 Jan 1970 00:00:00 GMT"},
        {"If-Modified-Since": "nonsense"},
    ):
        assert site.get(url, headers=condition).status_code == 200
    part = {"Range": "bytes=0-1"}
    assert site.get(url, headers={**part, "If-Range": etag}).status_code == 206
    assert site.get(url, headers={**part, "If-Range": modified}).status_code == 206
    assert site.get(url, headers={**part, "If-Range": '"x"'}).status_code == 200


def test_head_and_unknown_query_parameters(site: httpx.Client, url: str) -> None:
    head = site.head(url)
    assert (head.status_code, head.headers["content-length"], head.content) == (200, "18", b"")
    assert site.get(url + "?t=1712345678").content == PNG


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("page.html", b"<script>alert(1)</script>", "text/html; charset=utf-8"),
        ("drawing.svg", b"<svg onload='alert(1)'/>", "image/svg+xml"),
        ("photo.png", b"<html>", "application/octet-stream"),
        ("paper.pdf", b"%PDF-1.4", "application/pdf"),
    ],
)
def test_everything_but_plain_images_is_a_harmless_download(
    server: httpx.Client, site: httpx.Client, make_note: MakeNote, mira: Person, name: str, content: bytes, kind: str
) -> None:
    files = {"file": (name, content, "image/png")}
    url = server.post(f"notes/{make_note(mira)}/attachments/", files=files, headers=mira.headers).json()["url"]
    headers = site.get(url).headers
    assert headers["content-disposition"] == f"attachment; filename*=UTF-8''{name}"
    assert headers["content-type"] == kind
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"] == "sandbox; default-src 'none'"


def test_many_blanks_in_a_range_keep_nobody_waiting() -> None:
    begun = process_time()
    now = datetime.now(UTC)
    assert requested_span(f"bytes={' ' * 60_000}!", None, "", now, 10) is None
    assert requested_span(f"bytes= {' ' * 60_000}2 - 3 ", None, "", now, 10) == Span(2, 4)
    assert process_time() - begun < 2


def test_plain_images_are_shown(site: httpx.Client, url: str) -> None:
    assert site.get(url).headers["content-disposition"] == "inline; filename*=UTF-8''a.png"


@pytest.mark.parametrize(
    "path", ["../secret", "..%2f..%2fetc%2fpasswd", "user_upload/", "user_upload", "x" * 300, "a%00b", ".", "%E2%80%AE"]
)
def test_paths_that_name_no_file(services: Services, site: httpx.Client, path: str) -> None:
    assert site.get(f"/media/{path}").status_code == 404


def test_a_file_without_a_row_is_served_by_what_its_bytes_are(services: Services, site: httpx.Client) -> None:
    services.blobs.put_now("covers/abc/cover.jpg", PNG)
    answer = site.get("/media/covers/abc/cover.jpg", headers={"Authorization": "Token bad"})
    assert (answer.status_code, answer.headers["content-type"], answer.content) == (200, "image/png", PNG)


def test_a_store_that_fails_when_the_file_is_read_is_told_by_the_status(
    services: Services, site: httpx.Client, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(_: Blobs, *asked: object) -> AsyncIterator[bytes]:
        if asked:
            raise BlobStoreUnavailable("away")
        yield b""

    monkeypatch.setattr(Blobs, "stream", fails)
    answer = site.get(url)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")


def test_a_store_that_hangs_while_the_file_is_sent_ends_the_answer(
    services: Services, site: httpx.Client, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hangs(*_: object) -> AsyncIterator[bytes]:
        yield PNG[:4]
        await asyncio.Event().wait()

    monkeypatch.setattr(Blobs, "stream", hangs)
    monkeypatch.setattr(services, "settings", services.settings.model_copy(update={"request_seconds": 1}))
    with pytest.raises(httpx.RemoteProtocolError):
        site.get(url)


def test_a_file_that_is_removed_while_it_is_asked_for_is_missing(
    services: Services, site: httpx.Client, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = url.partition("/media/")[2]

    async def still_there(*_: object) -> Blob:
        return Blob(path, len(PNG), datetime.now(UTC), "a")

    monkeypatch.setattr(Blobs, "find", still_there)
    services.blobs.delete_now([path])
    assert site.get(url).status_code == 404
