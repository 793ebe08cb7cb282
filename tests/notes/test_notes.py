"""Creating, reading, changing and listing notes (contract: notes 2, 4, 5; clients 6)."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from commands.context import Context
from commands.handling import Work
from commands.lookups import Lookups
from commands.notes.bin import delete_note
from commands.notes.commands import CreateNote, Saved, create_note
from tests.accounts.people import Person
from wiring import Services

Write = Callable[..., dict[str, Any]]


def test_note_shows_every_field_of_the_contract(mira: httpx.Client, write: Write) -> None:
    made = write(description="Lecture one", content="# Cell biology\n\nMembranes and organelles.")
    note = mira.get(f"notes/{made['id']}/").json()
    assert {**note, "outcome": "created"} == made
    assert note["title"] == "Cell biology"
    assert note["description"] == "Lecture one"
    assert note["excerpt"] == "Membranes and organelles."
    assert note["preview_lines"] == ["Membranes and organelles."]
    assert (note["editor_mode"], note["note_type"], note["is_public"]) == ("P", "N", False)
    assert note["last_edit"] == note["date_created"]
    assert note["last_edit"].endswith("Z")
    assert note["course"]["id"] == note["course_id"]
    assert note["course"]["title"] == "Inbox"
    assert note["author"].keys() >= {"id", "username", "display_name", "image_url"}
    assert note["author"]["avatar_url"] == note["author"]["image_url"] != ""
    assert note["source_note_uuid"] is None
    assert note["can_edit"] is True
    assert [(block["block_type"], block["text"]) for block in note["blocks"]] == [
        ("T", "Cell biology"),
        ("N", "Membranes and organelles."),
    ]
    assert note["name"] == "cell-biology"


def test_title_alone_makes_a_note_with_empty_content(write: Write) -> None:
    note = write()
    assert (note["content"], note["description"]) == ("", "")
    assert [(block["block_type"], block["text"]) for block in note["blocks"]] == [("T", "Cell biology")]


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({}, {"title": ["This field is required."]}),
        ({"title": "  "}, {"title": ["This field may not be blank."]}),
        ({"title": None}, {"title": ["This field may not be null."]}),
        ({"title": "a" * 101}, {"title": ["Ensure this field has no more than 100 characters."]}),
        ({"title": "a", "description": "b" * 601}, {"description": ["Ensure this field has no more than 600 characters."]}),
        ({"title": "a", "content": None}, {"content": ["This field may not be null."]}),
        ({"title": "a", "is_public": "maybe"}, {"is_public": ["Must be a valid boolean."]}),
        ({"title": "a", "note_type": "M"}, {"note_type": ['"M" is not a valid choice.']}),
        ({"title": "a", "source_note_uuid": "x"}, {"source_note_uuid": ["Must be a valid UUID."]}),
        ({"title": "a", "blocks": "abc"}, {"blocks": ['Expected a list of items but got type "str".']}),
    ],
)
def test_wrong_fields_are_named(mira: httpx.Client, body: dict[str, Any], errors: dict[str, Any]) -> None:
    answer = mira.post("notes/", json=body)
    assert (answer.status_code, answer.json()) == (400, errors)


@pytest.mark.parametrize("mode", ["M", "xyz", 7, None, [], {}])
def test_editor_mode_is_never_a_reason_to_refuse(mira: httpx.Client, write: Write, mode: Any) -> None:
    note = write(editor_mode=mode)
    assert note["editor_mode"] == "P"
    answer = mira.patch(f"notes/{note['id']}/", json={"editor_mode": mode, "content": "kept"})
    assert (answer.status_code, answer.json()["content"]) == (200, "kept")


@pytest.mark.parametrize(
    "course_id", [None, 0, -1775901234567890, 2**53, 999_999, "", "abc", 1.5, True, 1e30, 2**70, -(2**70), [], {}, "9" * 5000]
)
def test_what_is_no_course_means_the_inbox(mira: httpx.Client, write: Write, course_id: Any) -> None:
    inbox = write()["course_id"]
    course = mira.post("courses/", json={"title": "Biology"}).json()
    note = write(course_id=course["id"])
    assert note["course_id"] == course["id"]
    moved = mira.patch(f"notes/{note['id']}/", json={"course_id": course_id})
    assert (moved.status_code, moved.json()["course_id"]) == (200, inbox)
    assert write(course_id=course_id)["course_id"] == inbox


def test_foreign_course_is_the_inbox_unless_followed(mira: httpx.Client, ravi: httpx.Client, write: Write) -> None:
    foreign = ravi.post("courses/", json={"title": "Ravi's"}).json()["id"]
    assert write(course_id=foreign)["course_id"] != foreign
    mira.post(f"courses/{foreign}/subscribe/")
    assert write(course_id=foreign)["course_id"] == foreign


def test_patch_changes_only_what_was_sent(mira: httpx.Client, write: Write) -> None:
    note = write(description="d", content="c", metadata_json='{"a":1}', custom_meta='{"b":2}', module="One")
    for field, value in [
        ("title", "Other"),
        ("description", None),
        ("content", "text"),
        ("is_public", True),
        ("editor_mode", "G"),
        ("custom_meta", "{}"),
        ("module", "Two"),
    ]:
        changed = mira.patch(f"notes/{note['id']}/", json={field: value}).json()
        different = {name for name in note if changed[name] != note[name]} - {"last_edit", "version", "outcome", "blocks"}
        derived = {
            "title": {"name"},
            "description": {"metadata_json"},
            "content": {"excerpt", "preview_lines"},
            "is_public": {"metadata_json"},
        }
        assert different == {field} | derived.get(field, set())
        note = changed


def test_empty_patch_moves_last_edit(mira: httpx.Client, write: Write) -> None:
    note = write()
    assert mira.patch(f"notes/{note['id']}/", json={}).json()["last_edit"] > note["last_edit"]


def test_text_rules_of_content_and_markdown(mira: httpx.Client, write: Write) -> None:
    note = write(markdown="from markdown")
    assert note["content"] == "from markdown"

    def patched(**fields: Any) -> str:
        text: str = mira.patch(f"notes/{note['id']}/", json=fields).json()["content"]
        return text

    assert patched(markdown="") == "from markdown"
    assert patched(content="", markdown="other") == "other"
    assert patched(content="  kept verbatim \n\n") == "  kept verbatim \n\n"
    assert patched(content="") == ""


def test_uuid_routes_serve_the_same_note(mira: httpx.Client, write: Write) -> None:
    note = write(content="a")
    path = f"notes/uuid/{note['uuid']}/"
    assert mira.get(path).json() == mira.get(f"notes/{note['id']}/").json()
    assert mira.get(f"notes/uuid/{note['uuid'].upper()}/").status_code == 200
    assert mira.patch(path, json={"title": "Other"}).json()["title"] == "Other"
    assert mira.delete(path).status_code == 204
    assert mira.get(path).json() == {"detail": "No Note matches the given query."}


@pytest.mark.parametrize("course_id", ["", "abc"])
def test_a_form_is_saved_whatever_its_course(mira: httpx.Client, write: Write, course_id: str) -> None:
    path = f"notes/{write()['id']}/"
    answer = mira.patch(path, data={"content": "kept", "course_id": course_id})
    assert (answer.status_code, answer.json()["content"]) == (200, "kept")


@pytest.mark.parametrize("below", ["", "attachments/"])
@pytest.mark.parametrize("uuid", ["8ce26807309046b0a54de56d286ffa35", "8ce26807", "%20", "27"])
def test_what_is_no_uuid_is_not_found(mira: httpx.Client, uuid: str, below: str) -> None:
    answer = mira.get(f"notes/uuid/{uuid}/{below}")
    assert (answer.status_code, answer.json()) == (404, {"detail": "Not found."})
    assert mira.get(f"notes/uuid/{uuid}/nothing/").json()["detail"] == "API route not found."


def test_draft_sent_twice_is_one_note(mira: httpx.Client) -> None:
    draft = {"title": "Draft", "content": "one", "client_draft_id": "draft_1_1"}
    first = mira.post("notes/", json=draft)
    again = mira.post("notes/", json=draft)
    changed = mira.post("notes/", json={**draft, "content": "two"})
    assert [answer.status_code for answer in (first, again, changed)] == [201, 200, 200]
    assert {answer.json()["id"] for answer in (first, again, changed)} == {first.json()["id"]}
    assert changed.json()["content"] == "two"
    history = mira.get(f"notes/{first.json()['id']}/history/").json()
    assert [version["content"] for version in history] == ["one"]


def test_draft_whose_note_was_deleted_comes_back(mira: httpx.Client) -> None:
    draft = {"title": "Draft", "content": "one", "client_draft_id": "draft_2_1"}
    note = mira.post("notes/", json=draft).json()
    mira.delete(f"notes/{note['id']}/")
    back = mira.post("notes/", json={**draft, "content": "two"})
    assert (back.status_code, back.json()["id"], back.json()["outcome"]) == (200, note["id"], "restored")
    assert mira.get(f"notes/{note['id']}/").json()["content"] == "two"


def test_parallel_uploads_of_one_draft_make_one_note(mira: httpx.Client) -> None:
    draft = {"title": "Draft", "content": "same", "client_draft_id": "draft_3_1"}
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: mira.post("notes/", json=draft), range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
    assert len({answer.json()["id"] for answer in answers}) == 1


def test_blank_title_of_a_draft_becomes_untitled(mira: httpx.Client) -> None:
    answer = mira.post("notes/", json={"title": "", "content": "", "client_draft_id": "draft_4_1"})
    assert (answer.status_code, answer.json()["title"]) == (201, "Untitled")


def test_identical_upload_under_another_name_is_the_same_note(mira: httpx.Client) -> None:
    note = {"title": "Lost answer", "content": "text"}
    first = mira.post("notes/", json={**note, "client_draft_id": "draft_5_1"})
    again = mira.post("notes/", json={**note, "client_draft_id": "draft_5_2"})
    other = mira.post("notes/", json={**note, "content": "texts", "client_draft_id": "draft_5_3"})
    nameless = mira.post("notes/", json=note)
    assert [answer.status_code for answer in (first, again, other, nameless)] == [201, 200, 201, 201]
    assert first.json()["id"] == again.json()["id"]


def test_identical_upload_whose_note_goes_at_that_moment_becomes_a_note(services: Services, person: Person) -> None:
    def upload(number: int) -> CreateNote:
        return CreateNote(title="Lost answer", content="text", client_draft_id=f"draft_{number}")

    def gone_meanwhile(work: Work[Lookups]) -> Saved:
        saved = create_note(work, person.account_id, upload(2))
        if saved == Saved(first, "unchanged"):
            services.commands.run(lambda other: delete_note(other, person.account_id, first), context)
        return saved

    context = Context(actor=person.account_id, channel="web")
    first = services.commands.run(lambda work: create_note(work, person.account_id, upload(1)), context).result.note_id
    again = services.commands.run(gone_meanwhile, context).result
    assert (again.outcome, again.note_id == first) == ("created", False)


def test_note_of_a_forked_draft_names_its_source(mira: httpx.Client, ravi: httpx.Client, write: Write) -> None:
    source = write()
    fork = {"title": "Fork", "metadata_json": json.dumps({"offline_source_note_id": source["id"]}), "client_draft_id": "draft_6_1"}
    assert mira.post("notes/", json=fork).json()["offline_source_note_id"] == source["id"]
    assert ravi.post("notes/", json=fork).json()["offline_source_note_id"] is None


def test_parallel_changes_of_different_fields_all_land(mira: httpx.Client, write: Write) -> None:
    note = write()
    changes = [{"title": "Other"}, {"description": "d"}, {"content": "text"}, {"module": "M"}, {"custom_meta": "{}"}] * 4
    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(lambda change: mira.patch(f"notes/{note['id']}/", json=change), changes))
    assert {answer.status_code for answer in answers} == {200}
    now = mira.get(f"notes/{note['id']}/").json()
    assert {name: now[name] for change in changes for name in change} == {
        name: value for change in changes for name, value in change.items()
    }


def test_comment_names_its_source_only_if_it_may_be_read(mira: httpx.Client, ravi: httpx.Client, write: Write) -> None:
    public, private = write(is_public=True)["uuid"], write()["uuid"]
    for uuid, seen in [(public, public), (private, None), ("0c1f6a54-5f0e-4a9b-9b0e-3d1c8f2a7e11", None)]:
        answer = ravi.post("notes/", json={"title": "c", "note_type": "C", "source_note_uuid": uuid})
        assert (answer.status_code, answer.json()["note_type"], answer.json()["source_note_uuid"]) == (201, "C", seen)


def test_lists_follow_scope_and_order(mira: httpx.Client, ravi: httpx.Client, server: httpx.Client, write: Write) -> None:
    marker = mira.post("courses/", json={"title": "Listed"}).json()["id"]
    private, public = write("private", course_id=marker), write("public", course_id=marker, is_public=True)
    foreign = ravi.post("notes/", json={"title": "foreign", "is_public": True}).json()
    hidden = ravi.post("notes/", json={"title": "hidden"}).json()

    def ids(client: httpx.Client, **params: Any) -> list[int]:
        page = client.get("notes/", params={"limit": 100, **params}).json()
        assert page["total"] == len(page["results"])
        return [note["id"] for note in page["results"]]

    assert ids(mira) == ids(mira, scope="personal") == ids(mira, scope="else") == [public["id"], private["id"]]
    assert ids(mira, scope="private") == [private["id"]]
    assert ids(mira, scope="PUBLIC") == [public["id"]]
    everything = ids(mira, scope="all")
    assert everything[:3] == [foreign["id"], public["id"], private["id"]]
    assert hidden["id"] not in everything
    assert {public["id"], foreign["id"]} <= set(ids(server)) == set(ids(server, scope="personal"))
    assert private["id"] not in ids(server, scope="all")
    assert ids(mira, course_id=marker) == [public["id"], private["id"]]
    mira.patch(f"notes/{private['id']}/", json={})
    assert ids(mira) == [private["id"], public["id"]]
    assert ids(mira, sort="newest") == [public["id"], private["id"]]
    assert ids(mira, sort="oldest", window="7") == [private["id"], public["id"]]
    assert [note["id"] for note in mira.get("notes/").json()] == [private["id"], public["id"]]


def test_popular_notes_are_those_that_people_sat_down_to_most_often(server: httpx.Client, mira: httpx.Client, ravi: httpx.Client) -> None:
    often, saved, once = (
        mira.post("notes/", json={"title": title, "is_public": True}).json()["id"] for title in ("often", "saved", "once")
    )
    foreign = ravi.post("notes/", json={"title": "foreign", "is_public": True}).json()["id"]
    for client, note_id, sittings in ((mira, often, 3), (mira, once, 1), (ravi, foreign, 2)):
        for _ in range(sittings):
            assert client.post("note-sessions/", json={"note_id": note_id}).status_code == 201
    for number in range(5):
        mira.patch(f"notes/{saved}/", json={"content": f"saved by the app {number}"})

    def popular(client: httpx.Client, **params: Any) -> list[int]:
        page = client.get("notes/", params={"sort": "popular", "limit": 4, **params}).json()
        return [note["id"] for note in page["results"]]

    assert popular(mira) == [often, once, saved]
    assert popular(mira, scope="all")[:3] == popular(server)[:3] == [often, foreign, once]
    assert popular(mira, scope="all", offset=1, limit=2) == [foreign, once]
    assert popular(mira, scope="public", window="7") == [often, once, saved]


def test_pages_of_popular_notes_hold_each_note_once_where_those_that_nobody_sat_down_to_begin(
    mira: httpx.Client, server: httpx.Client
) -> None:
    course = mira.post("courses/", json={"title": "Popular"}).json()["id"]
    made = [mira.post("notes/", json={"title": f"{n}", "is_public": True, "course_id": course}).json()["id"] for n in range(7)]
    for note_id in (made[1], made[3]):
        mira.post("note-sessions/", json={"note_id": note_id})
    wanted = [made[3], made[1], made[6], made[5], made[4], made[2], made[0]]
    params = {"sort": "popular", "limit": 2, "course_id": course, "scope": "all"}
    for client in (mira, server):
        pages = [client.get("notes/", params={**params, "offset": offset}).json() for offset in range(0, 8, 2)]
        assert [note["id"] for page in pages for note in page["results"]] == wanted
        assert [(page["total"], page["has_more"]) for page in pages] == [(7, True)] * 3 + [(7, False)]


def test_pages_tell_total_and_whether_there_are_more(mira: httpx.Client, write: Write) -> None:
    for number in range(5):
        write(f"note {number}")

    def page(**params: Any) -> tuple[int, int, bool, int, int]:
        answer = mira.get("notes/", params=params).json()
        return len(answer["results"]), answer["total"], answer["has_more"], answer["offset"], answer["limit"]

    assert page(limit=2) == (2, 5, True, 0, 2)
    assert page(limit=2, offset=4) == (1, 5, False, 4, 2)
    assert page(limit=5) == (5, 5, False, 0, 5)
    assert page(limit=2, offset=9) == (0, 5, False, 9, 2)
    assert page(limit=1000, offset=-3) == (5, 5, False, 0, 100)
    assert page(limit=0) == (1, 5, True, 0, 1)
    for name in ("limit", "offset", "course_id"):
        answer = mira.get("notes/", params={"limit": 2, name: "x"})
        assert (answer.status_code, answer.json()) == (400, {name: ["A valid integer is required."]})


def test_names_are_unique_inside_a_course(mira: httpx.Client, write: Write) -> None:
    notes = [write("Same title!") for _ in range(3)]
    names = [mira.get(f"notes/{note['id']}/").json()["name"] for note in notes]
    assert names == ["same-title", "same-title-2", "same-title-3"]
    numbered = write("Same title 2")
    assert [mira.get(f"notes/{note['id']}/").json()["name"] for note in (*notes, numbered)] == [
        "same-title",
        f"same-title-{notes[1]['id']}",
        "same-title-3",
        "same-title-2",
    ]


def test_if_match_refuses_an_outdated_save_with_the_current_state(mira: httpx.Client, write: Write) -> None:
    note = write(content="one")
    tag = mira.get(f"notes/{note['id']}/").headers["ETag"]
    saved = mira.patch(f"notes/{note['id']}/", json={"content": "two"}, headers={"If-Match": tag})
    assert (saved.status_code, saved.headers["ETag"]) == (200, f'"{saved.json()["version"]}"')
    stale = mira.patch(f"notes/{note['id']}/", json={"content": "three"}, headers={"If-Match": tag})
    assert (stale.status_code, stale.json()["content"]) == (412, "two")
    fresh = mira.patch(f"notes/{note['id']}/", json={"content": "three"}, headers={"If-Match": stale.headers["ETag"]})
    assert fresh.json()["content"] == "three"
    by_time = mira.patch(f"notes/{note['id']}/", json={"content": "four"}, headers={"If-Match": f'"{fresh.json()["last_edit"]}"'})
    assert by_time.status_code == 200
    assert mira.delete(f"notes/{note['id']}/", headers={"If-Match": tag}).status_code == 412


def test_one_idempotency_key_is_one_note(mira: httpx.Client) -> None:
    def post(text: str) -> httpx.Response:
        return mira.post("notes/", json={"title": "Once", "content": text}, headers={"Idempotency-Key": "once"})

    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(lambda _: post("a"), range(20)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert mira.get("notes/", params={"limit": 5}).json()["total"] == 1
    assert post("b").status_code == 409
