"""Attaching files over HTTP, and reading them back (contract: notes 12, clients 6.7)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from eventstore.blobs import Blobs, BlobStoreUnavailable
from tests.door.people import Person
from wiring import Services

MakeNote = Callable[..., int]

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40
LIMIT = 20 * 1024 * 1024


def upload(
    server: httpx.Client, note: int | str, person: Person, content: bytes = PNG, name: str = "cell.png", **more: Any
) -> httpx.Response:
    files = {"file": (name, content, more.pop("content_type", "application/octet-stream"))}
    headers = {**person.headers, **more.pop("headers", {})}
    return server.post(f"notes/{note}/attachments/", files=files, headers=headers)


def stored_files(services: Services) -> set[str]:
    return {blob.path for batch in services.blobs.list_now() for blob in batch}


def test_uploaded_file_is_listed_and_served(server: httpx.Client, site: httpx.Client, make_note: MakeNote, mira: Person) -> None:
    note = make_note(mira)
    first = upload(server, note, mira)
    assert first.status_code == 201
    file = first.json()
    assert file["note_id"] == note
    assert (file["original_filename"], file["file_size"], file["content_type"]) == ("cell.png", len(PNG), "image/png")
    assert file["sha256"] == hashlib.sha256(PNG).hexdigest()
    assert file["date_created"].endswith("+00:00")
    assert file["url"].startswith(f"{str(site.base_url).rstrip('/')}/media/user_upload/user_{mira.account_id}/notes/note_{note}/")
    second = upload(server, note, mira, b"", "empty.txt").json()
    assert second["file_size"] == 0
    listed = server.get(f"notes/{note}/attachments/", headers=mira.headers)
    assert listed.json() == [second, file]
    assert server.get(f"notes/{note}/attachments/{file['id']}/", headers=mira.headers).json() == file
    served = site.get(file["url"], headers={"Origin": "http://localhost:5173"})
    assert (served.status_code, served.content) == (200, PNG)
    assert served.headers["content-type"] == "image/png"
    assert served.headers["access-control-allow-origin"] == "http://localhost:5173"
    assert site.get(second["url"]).content == b""


def test_same_name_twice_gives_two_addresses(server: httpx.Client, make_note: MakeNote, mira: Person) -> None:
    note = make_note(mira)
    assert upload(server, note, mira).json()["url"] != upload(server, note, mira).json()["url"]


@pytest.mark.parametrize(
    ("declared", "name", "content", "expected"),
    [
        ("text/x-mine", "a.png", PNG, "text/x-mine"),
        ("", "a.txt", b"hello", "text/plain"),
        ("application/octet-stream", "scan", PNG, "image/png"),
        ("application/octet-stream", "fake.png", b"<script>", "application/octet-stream"),
        ("application/octet-stream", "a.pdf", b"%PDF-1.7", "application/pdf"),
        ("no type at all", "a.csv", b"1,2", "text/csv"),
        ("", "a.csv.gz", b"\x1f\x8b\x08", "application/gzip"),
        ("", "a.html.br", b"\x0b", "application/octet-stream"),
    ],
)
def test_content_type(
    server: httpx.Client, make_note: MakeNote, mira: Person, declared: str, name: str, content: bytes, expected: str
) -> None:
    assert upload(server, make_note(mira), mira, content, name, content_type=declared).json()["content_type"] == expected


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\temp\\a b.txt", "a b.txt"),
        ("日本語.md", "日本語.md"),
        ("x" * 400 + ".txt", ("x" * 400)[:255]),
        ('say "hi".txt', 'say "hi".txt'),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("a\x85b\x9b31mc\u2066d\u2069e\u200bf\ufeff\u2028.txt", "ab31mcdef.txt"),
        ("می\u200cخواهم.txt", "می\u200cخواهم.txt"),
        ("\u202e\u200f", "untitled"),
        ("a/..", "untitled"),
    ],
)
def test_file_name(server: httpx.Client, site: httpx.Client, make_note: MakeNote, mira: Person, sent: str, kept: str) -> None:
    file = upload(server, make_note(mira), mira, b"text", sent).json()
    assert file["original_filename"] == kept
    assert file["url"].isascii()
    assert site.get(file["url"]).headers["content-disposition"].endswith(f"filename*=UTF-8''{quote(kept, safe='')}")
    assert site.get(file["url"]).content == b"text"


def test_limit_is_exact(server: httpx.Client, services: Services, make_note: MakeNote, mira: Person, noah: Person) -> None:
    note = make_note(mira)
    before = stored_files(services)
    for size in (LIMIT + 1, LIMIT + 10_000_000):
        refused = upload(server, note, mira, b"x" * size)
        assert (refused.status_code, refused.json()) == (400, {"detail": "File exceeds maximum size of 20 MB."})
    assert stored_files(services) == before
    for _ in range(3):
        assert upload(server, note, mira, b"x" * LIMIT).status_code == 201
    full = upload(server, note, mira, b"x")
    assert (full.status_code, full.json()) == (400, {"detail": "There is no room left for this file in your account."})
    assert len(stored_files(services) - before) == 3
    assert upload(server, make_note(noah), noah, b"x").status_code == 201


def test_uploads_at_once_do_not_pass_the_quota_together(
    server: httpx.Client, services: Services, make_note: MakeNote, mira: Person
) -> None:
    note, other = make_note(mira), make_note(mira)
    before = stored_files(services)
    with ThreadPoolExecutor(8) as devices:
        answers = list(devices.map(lambda n: upload(server, (note, other)[n % 2], mira, bytes(11 * 1024 * 1024), f"{n}.bin"), range(8)))
    # 60 MB have room for five of them.
    assert sorted(answer.status_code for answer in answers) == [201] * 5 + [400] * 3
    assert {answer.text for answer in answers if answer.status_code == 400} == {
        '{"detail":"There is no room left for this file in your account."}'
    }
    assert len(stored_files(services) - before) == 5


@pytest.mark.parametrize(
    "request_body",
    [{"json": {}}, {"json": {"file": "x"}}, {"files": {"other": ("a", b"x")}}, {"data": {"file": "text"}}, {}],
)
def test_no_file(server: httpx.Client, make_note: MakeNote, mira: Person, request_body: dict[str, Any]) -> None:
    answer = server.post(f"notes/{make_note(mira)}/attachments/", headers=mira.headers, **request_body)
    assert (answer.status_code, answer.json()) == (400, {"detail": "No file provided."})


def test_who_may_do_what(server: httpx.Client, services: Services, make_note: MakeNote, mira: Person, noah: Person) -> None:
    private, public = make_note(mira), make_note(mira, is_public=True)
    refused = ["You do not have access to this note."]
    before = stored_files(services)
    for note in (private, public):
        assert server.get(f"notes/{note}/attachments/").status_code == 401
        assert server.post(f"notes/{note}/attachments/", files={"file": ("a", b"x")}).status_code == 401
    assert server.get(f"notes/{public}/attachments/", headers=noah.headers).json() == []
    for answer in (
        server.get(f"notes/{private}/attachments/", headers=noah.headers),
        upload(server, private, noah),
        server.delete(f"notes/{private}/attachments/1/", headers=noah.headers),
    ):
        assert (answer.status_code, answer.json()) == (400, refused)
    assert upload(server, public, noah).json() == {"detail": "Only the owner can upload attachments."}
    file = upload(server, public, mira).json()["id"]
    foreign = server.delete(f"notes/{public}/attachments/{file}/", headers=noah.headers)
    assert (foreign.status_code, foreign.json()) == (403, {"detail": "Only the owner can delete attachments."})
    for answer in (
        upload(server, 999_999_999, mira),
        server.get("notes/999999999/attachments/", headers=mira.headers),
        server.delete("notes/999999999/attachments/1/", headers=mira.headers),
    ):
        assert (answer.status_code, answer.json()) == (404, {"detail": "No Note matches the given query."})
    assert len(stored_files(services) - before) == 1


def test_deleted_attachment_is_gone_for_readers(server: httpx.Client, site: httpx.Client, make_note: MakeNote, mira: Person) -> None:
    note, other = make_note(mira), make_note(mira)
    file = upload(server, note, mira).json()
    unknown = {"detail": "No NoteAttachment matches the given query."}
    for wrong in (f"notes/{other}/attachments/{file['id']}/", f"notes/{note}/attachments/999999999/"):
        answer = server.delete(wrong, headers=mira.headers)
        assert (answer.status_code, answer.json()) == (404, unknown)
    path = f"notes/{note}/attachments/{file['id']}/"
    gone = server.delete(path, headers=mira.headers)
    assert (gone.status_code, gone.content) == (204, b"")
    assert server.delete(path, headers=mira.headers).status_code == 404
    assert server.get(path, headers=mira.headers).json() == unknown
    assert server.get(f"notes/{note}/attachments/", headers=mira.headers).json() == []
    assert site.get(file["url"]).status_code == 404


def test_purged_attachment_is_gone_for_readers_before_its_bytes_are(
    server: httpx.Client, services: Services, site: httpx.Client, make_note: MakeNote, mira: Person
) -> None:
    note = make_note(mira)
    file, kept = upload(server, note, mira).json(), upload(server, note, mira).json()
    server.delete(f"notes/{note}/attachments/{file['id']}/", headers=mira.headers)
    assert server.delete("notes/deleted/empty/", headers=mira.headers).status_code == 200
    assert file["url"].partition("/media/")[2] in stored_files(services)
    assert (site.get(file["url"]).status_code, site.get(kept["url"]).status_code) == (404, 200)


@pytest.mark.parametrize("folder", ["notes/note_{note}", "notes/note_" + "9" * 30, "profile_pic", ""])
def test_what_nothing_names_is_not_read_where_people_upload(
    server: httpx.Client, services: Services, site: httpx.Client, make_note: MakeNote, mira: Person, folder: str
) -> None:
    path = f"user_upload/user_{mira.account_id}/{folder.format(note=make_note(mira))}/stray.png".replace("//", "/")
    services.blobs.put_now(path, PNG)
    assert site.get(f"/media/{path}").status_code == 404


def test_by_uuid(server: httpx.Client, site: httpx.Client, make_note: MakeNote, mira: Person, noah: Person) -> None:
    note = make_note(mira)
    (uuid,) = [
        item["uuid"] for item in server.get(f"courses/{_course(server, mira)}/notes/", headers=mira.headers).json() if item["id"] == note
    ]
    answer = upload(server, f"uuid/{uuid}", mira)
    assert answer.status_code == 201
    file = answer.json()
    assert f"/note_{uuid.replace('-', '')}/" in file["url"]
    path = f"notes/uuid/{uuid.upper()}/attachments/"
    assert server.get(path, headers=mira.headers).json() == [file]
    assert server.get(path, headers=noah.headers).status_code == 400
    assert server.delete(f"{path}{file['id']}/", headers=mira.headers).status_code == 204
    assert site.get(file["url"]).status_code == 404


def _course(server: httpx.Client, person: Person) -> int:
    (inbox,) = [
        course["id"] for course in server.get("courses/", headers=person.headers).json() if course["is_default"] and course["is_owned"]
    ]
    return int(inbox)


def test_upload_repeated_with_its_key_is_one_attachment(
    server: httpx.Client, services: Services, make_note: MakeNote, mira: Person
) -> None:
    note = make_note(mira)
    before = stored_files(services)
    key = {"Idempotency-Key": "upload-1"}
    answers = [upload(server, note, mira, headers=key) for _ in range(3)]
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1
    assert len(stored_files(services) - before) == 1
    assert upload(server, note, mira, b"another file", headers=key).status_code == 409
    assert len(stored_files(services) - before) == 1


async def _away(*_: object) -> None:
    raise BlobStoreUnavailable("away")


def test_a_refusal_is_told_also_when_its_file_cannot_be_removed(
    server: httpx.Client, make_note: MakeNote, mira: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    note = make_note(mira)
    key = {"Idempotency-Key": "upload-2"}
    first = upload(server, note, mira, headers=key)
    monkeypatch.setattr(Blobs, "delete", _away)
    assert upload(server, note, mira, b"another file", headers=key).status_code == 409
    repeated = upload(server, note, mira, headers=key)
    assert (repeated.status_code, repeated.text) == (201, first.text)
