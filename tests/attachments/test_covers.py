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
    remove_strays(services, older_than=datetime.now(UTC) + timedelta(days=1))
    for number, item in enumerate(items):
        past = server.get(f"notes/{note}/", params={"as_of": str(item["version"])}, headers=mira.headers).json()
        assert past["cover_image_url"] == item["cover_image_url"]
        assert site.get(past["cover_image_url"]).content == PNG + bytes([number])
    for as_of in ("1", str(items[1]["version"] + 1)):
        assert server.get(f"notes/{note}/", params={"as_of": as_of}, headers=mira.headers).json()["cover_image_url"] == ""


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
    server.delete("notes/deleted/empty/", headers=mira.headers)
    stored = services.log.recorder.select_events(f"note-{note}", desc=True, limit=1)[0]
    event = services.log.mapper.to_domain_event(stored)
    assert isinstance(event, notes.NotePurged)
    remove_purged(Recorded(1, event, b"{}"), services)
    assert site.get(url).status_code == 404
