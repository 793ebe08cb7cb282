"""Cover pictures of notes (contract: notes 18)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import httpx

from eventstore.codec import Recorded
from eventstore.events import notes
from reactors.files import remove_purged, remove_strays
from tests.door.people import Person
from wiring import Services

MakeNote = Callable[..., int]
PNG = b"\x89PNG\r\n\x1a\n" + b"0123456789"


def put_cover(server: httpx.Client, note: int, person: Person, content: bytes = PNG, part: str = "cover") -> httpx.Response:
    return server.post(f"notes/{note}/cover/", files={part: ("c.png", content, "application/octet-stream")}, headers=person.headers)


def test_cover_is_set_shown_replaced_and_removed(server: httpx.Client, site: httpx.Client, make_note: MakeNote, mira: Person) -> None:
    note = make_note(mira, title="With cover")
    detail = server.get(f"notes/{note}/", headers=mira.headers)
    assert detail.json()["cover_image_url"] == ""
    answer = put_cover(server, note, mira)
    assert answer.status_code == 200
    item = answer.json()
    assert (item["id"], item["title"]) == (note, "With cover")
    served = site.get(item["cover_image_url"])
    assert (served.status_code, served.content, served.headers["content-type"]) == (200, PNG, "image/png")
    assert server.get(f"notes/{note}/", headers=mira.headers).json()["cover_image_url"] == item["cover_image_url"]
    assert put_cover(server, note, mira).json()["cover_image_url"] not in {"", item["cover_image_url"]}
    for _ in range(2):
        removed = server.delete(f"notes/{note}/cover/", headers=mira.headers)
        assert (removed.status_code, removed.json()["cover_image_url"]) == (200, "")


def test_a_note_as_it_was_shows_the_cover_of_then(
    server: httpx.Client, services: Services, site: httpx.Client, make_note: MakeNote, mira: Person
) -> None:
    note = make_note(mira)
    items = [put_cover(server, note, mira, PNG + bytes([number])).json() for number in range(2)]
    server.delete(f"notes/{note}/cover/", headers=mira.headers)
    list(remove_strays(services, older_than=datetime.now(UTC) + timedelta(days=1)))
    for number, item in enumerate(items):
        past = server.get(f"notes/{note}/", params={"as_of": str(item["version"])}, headers=mira.headers).json()
        assert past["cover_image_url"] == item["cover_image_url"]
        assert site.get(past["cover_image_url"]).content == PNG + bytes([number])
    for as_of in ("1", str(items[1]["version"] + 1)):
        assert server.get(f"notes/{note}/", params={"as_of": as_of}, headers=mira.headers).json()["cover_image_url"] == ""


def test_a_cover_can_be_undone_unless_a_newer_one_stands_in_the_way(
    server: httpx.Client, site: httpx.Client, make_note: MakeNote, mira: Person
) -> None:
    note = make_note(mira)

    def undo(change: int | None = None) -> httpx.Response:
        return server.post("undo/", json={} if change is None else {"change": change}, headers=mira.headers)

    def shown() -> str:
        url: str = server.get(f"notes/{note}/", headers=mira.headers).json()["cover_image_url"]
        return url

    first, second = (put_cover(server, note, mira, PNG + bytes([number])).json()["cover_image_url"] for number in range(2))
    replacing, setting = (change["id"] for change in server.get("changes/", headers=mira.headers).json()["results"][:2])
    assert "its cover was changed again since." in undo(setting).json()["detail"]
    server.delete(f"notes/{note}/cover/", headers=mira.headers)
    assert (undo().status_code, shown()) == (200, second)
    assert (undo(replacing).status_code, shown(), site.get(first).content) == (200, first, PNG + b"\0")
    assert (undo().status_code, shown()) == (200, "")


def test_covers_count_for_the_quota_until_their_note_is_gone_for_good(
    server: httpx.Client, services: Services, make_note: MakeNote, mira: Person
) -> None:
    note, other = make_note(mira), make_note(mira)
    large = PNG + bytes(5 * 1024 * 1024 - len(PNG))
    before = {blob.path for batch in services.blobs.list_now() for blob in batch}
    for _ in range(12):
        assert put_cover(server, note, mira, large).status_code == 200
    full = {"detail": "There is no room left for this file in your account."}
    for _ in range(2):
        server.delete(f"notes/{note}/cover/", headers=mira.headers)
        refused = put_cover(server, note, mira)
        assert (refused.status_code, refused.json()) == (400, full)
        attached = server.post(f"notes/{other}/attachments/", files={"file": ("a.txt", b"a")}, headers=mira.headers)
        assert (attached.status_code, attached.json()) == (400, full)
        server.post("undo/", headers=mira.headers)
    assert len({blob.path for batch in services.blobs.list_now() for blob in batch} - before) == 12
    server.delete(f"notes/{note}/", headers=mira.headers)
    assert put_cover(server, other, mira).status_code == 400
    server.delete("notes/deleted/empty/", headers=mira.headers)
    assert put_cover(server, other, mira).status_code == 200


def test_the_state_after_a_cover_can_be_named_in_a_precondition(server: httpx.Client, make_note: MakeNote, mira: Person) -> None:
    note = make_note(mira)
    put_cover(server, note, mira)
    tag = server.get(f"notes/{note}/", headers=mira.headers).headers["ETag"]
    saved = server.patch(f"notes/{note}/", json={}, headers={**mira.headers, "If-Match": tag})
    assert saved.status_code == 200
    last_edit = put_cover(server, note, mira).json()["last_edit"]
    saved = server.patch(f"notes/{note}/", json={}, headers={**mira.headers, "If-Match": f'"{last_edit}"'})
    assert saved.status_code == 200


def test_refusals(server: httpx.Client, services: Services, make_note: MakeNote, mira: Person, noah: Person) -> None:
    private, public = make_note(mira), make_note(mira, is_public=True)
    before = {blob.path for batch in services.blobs.list_now() for blob in batch}
    assert put_cover(server, private, noah).status_code == 400
    assert put_cover(server, public, noah).status_code == 403
    assert server.delete(f"notes/{public}/cover/", headers=noah.headers).status_code == 403
    assert put_cover(server, 999_999_999, mira).status_code == 404
    assert put_cover(server, public, mira, part="file").json() == {"detail": "No file provided."}
    assert put_cover(server, public, mira, b"<svg/>").status_code == 400
    assert put_cover(server, public, mira, PNG + b"x" * 5 * 1024 * 1024).status_code == 400
    assert {blob.path for batch in services.blobs.list_now() for blob in batch} == before


def test_a_cover_goes_with_its_purged_note(
    server: httpx.Client, services: Services, site: httpx.Client, make_note: MakeNote, mira: Person
) -> None:
    note = make_note(mira)
    url = put_cover(server, note, mira).json()["cover_image_url"]
    server.delete(f"notes/{note}/", headers=mira.headers)
    assert site.get(url).status_code == 200
    server.delete("notes/deleted/empty/", headers=mira.headers)
    assert site.get(url).status_code == 404
    stored = services.log.recorder.select_events(f"note-{note}", desc=True, limit=1)[0]
    event = services.log.mapper.to_domain_event(stored)
    assert isinstance(event, notes.NotePurged)
    remove_purged(Recorded(1, event, b"{}"), services)
    assert site.get(url).status_code == 404
