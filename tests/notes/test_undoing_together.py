"""Undoing where several things hang together: comments and their sources, courses and their notes, also those of others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.notes.test_changes import changes, undo

Write = Callable[..., dict[str, Any]]


def comment_of(client: httpx.Client, note: dict[str, Any]) -> dict[str, Any]:
    """A public comment on the note."""
    answer = client.post("notes/", json={"title": "c", "note_type": "C", "is_public": True, "source_note_uuid": note["uuid"]})
    comment: dict[str, Any] = answer.json()
    return comment


def test_a_note_comes_back_by_undoing_also_when_an_own_comment_on_it_was_deleted_since(mira: httpx.Client, write: Write) -> None:
    note = write(is_public=True)
    comment = comment_of(mira, note)
    mira.delete(f"notes/{note['id']}/")
    deletion = changes(mira)[0]["id"]
    mira.delete(f"notes/{comment['id']}/")
    assert undo(mira, deletion).status_code == 200
    assert mira.get(f"notes/{note['id']}/").json()["is_public"] is True
    assert mira.get(f"notes/{comment['id']}/").status_code == 404


def test_making_a_comment_can_be_undone_after_its_source_was_deleted(mira: httpx.Client, ravi: httpx.Client, write: Write) -> None:
    note = write(is_public=True)
    comment = comment_of(ravi, note)
    mira.delete(f"notes/{note['id']}/")
    assert undo(ravi).status_code == 200
    assert ravi.get(f"notes/{comment['id']}/").status_code == 404


def test_a_kept_version_does_not_keep_a_comment_hidden(mira: httpx.Client, ravi: httpx.Client, write: Write) -> None:
    note = write(is_public=True)
    comment = comment_of(ravi, note)
    mira.delete(f"notes/{note['id']}/")
    assert ravi.post(f"notes/{comment['id']}/snapshot/", json={}).is_success
    assert undo(mira).status_code == 200
    assert ravi.get(f"notes/{comment['id']}/").json()["is_public"] is True


def test_undoing_a_deletion_publishes_no_comment_that_its_author_has_changed_since(
    mira: httpx.Client, ravi: httpx.Client, write: Write
) -> None:
    note = write(is_public=True)
    comment = ravi.post("notes/", json={"title": "c", "note_type": "C", "is_public": True, "source_note_uuid": note["uuid"]}).json()
    mira.delete(f"notes/{note['id']}/")
    ravi.patch(f"notes/{comment['id']}/", json={"content": "only for me"})
    assert undo(mira).status_code == 200
    assert ravi.get(f"notes/{note['id']}/").status_code == 200
    assert mira.get(f"notes/{comment['id']}/").status_code == 400
    assert ravi.get(f"notes/{comment['id']}/").json()["is_public"] is False


@pytest.fixture
def shared_course(mira: httpx.Client, ravi: httpx.Client) -> dict[str, Any]:
    """A course of Mira's that Ravi follows and has filed a note in; with both their notes' ids."""
    course = mira.post("courses/", json={"title": "Baking"}).json()
    assert ravi.post(f"courses/{course['id']}/subscribe/").status_code in {200, 201}
    notes = {
        who: one.post("notes/", json={"title": who, "course_id": course["id"]}).json() for who, one in (("mira", mira), ("ravi", ravi))
    }
    assert {note["course_id"] for note in notes.values()} == {course["id"]}
    return {"id": course["id"], **{who: note["id"] for who, note in notes.items()}}


@pytest.mark.parametrize("by_author", ["delete", "move", "edit"])
def test_what_others_do_with_their_notes_keeps_nobody_from_undoing(
    mira: httpx.Client, ravi: httpx.Client, shared_course: dict[str, Any], by_author: str
) -> None:
    course, theirs = shared_course["id"], f"notes/{shared_course['ravi']}/"
    other = ravi.post("courses/", json={"title": "Other"}).json()["id"]
    assert mira.delete(f"courses/{course}/").status_code == 204
    if by_author == "delete":
        ravi.delete(theirs)
    else:
        ravi.patch(theirs, json={"course_id": other} if by_author == "move" else {"content": "more"})
    assert undo(mira).status_code == 200
    assert mira.get(f"notes/{shared_course['mira']}/").json()["course_id"] == course
    if by_author == "delete":
        assert ravi.get(theirs).status_code == 404
    else:
        assert ravi.get(theirs).json()["course_id"] == (other if by_author == "move" else course)


def test_notes_that_come_back_with_their_course_were_not_edited(mira: httpx.Client, shared_course: dict[str, Any]) -> None:
    path = f"notes/{shared_course['mira']}/"
    edited = mira.get(path).json()["last_edit"]
    mira.delete(f"courses/{shared_course['id']}/")
    assert undo(mira).status_code == 200
    back = mira.get(path).json()
    assert (back["course_id"], back["last_edit"]) == (shared_course["id"], edited)


def test_a_note_that_was_moved_since_stays_where_it_is_when_its_course_comes_back(mira: httpx.Client, write: Write) -> None:
    course, other = (mira.post("courses/", json={"title": title}).json()["id"] for title in ("Baking", "Other"))
    stayed, moved, binned = (write(course_id=course)["id"] for _ in range(3))
    mira.delete(f"courses/{course}/")
    deletion = changes(mira)[0]["id"]
    mira.patch(f"notes/{moved}/", json={"course_id": other})
    mira.delete(f"notes/{binned}/")
    assert undo(mira, deletion).status_code == 200
    assert [mira.get(f"notes/{number}/").json()["course_id"] for number in (stayed, moved)] == [course, other]
    mira.post(f"notes/{binned}/restore/")
    assert mira.get(f"notes/{binned}/").json()["course_id"] == course


@pytest.mark.parametrize("by", ["bin", "undoing"])
@pytest.mark.parametrize("back_by", ["moving", "deletion"])
def test_a_note_that_was_moved_on_purpose_to_the_inbox_stays_there(mira: httpx.Client, write: Write, by: str, back_by: str) -> None:
    course, other = (mira.post("courses/", json={"title": title}).json()["id"] for title in ("Baking", "Other"))
    inbox = next(one["id"] for one in mira.get("courses/").json() if one["is_default"])
    path = f"notes/{write(course_id=course)['id']}/"
    mira.delete(f"courses/{course}/")
    deletion = changes(mira)[0]["id"]
    mira.patch(path, json={"course_id": other})
    if back_by == "moving":
        mira.patch(path, json={"course_id": inbox})
    else:
        mira.delete(f"courses/{other}/")
    restored = undo(mira, deletion) if by == "undoing" else mira.post(f"recycle-bin/course/{course}/restore/")
    assert restored.status_code == 200
    assert mira.get(path).json()["course_id"] == inbox
    if back_by == "deletion":
        assert mira.post(f"recycle-bin/course/{other}/restore/").status_code == 200
        assert mira.get(path).json()["course_id"] == other


@pytest.mark.parametrize("by", ["bin", "undoing"])
def test_a_course_takes_notes_of_others_along_also_from_their_bins(
    mira: httpx.Client, ravi: httpx.Client, shared_course: dict[str, Any], by: str
) -> None:
    course, people = shared_course["id"], {"mira": mira, "ravi": ravi}
    mira.delete(f"courses/{course}/")
    deletion = changes(mira)[0]["id"]
    for who, client in people.items():
        client.delete(f"notes/{shared_course[who]}/")
    restored = undo(mira, deletion) if by == "undoing" else mira.post(f"recycle-bin/course/{course}/restore/")
    assert restored.status_code == 200
    for who, client in people.items():
        assert client.post(f"notes/{shared_course[who]}/restore/").json()["course_id"] == course


@pytest.mark.parametrize("own", [True, False])
def test_nobody_is_told_to_restore_the_course_of_somebody_else(
    mira: httpx.Client, ravi: httpx.Client, shared_course: dict[str, Any], own: bool
) -> None:
    who, client = ("mira", mira) if own else ("ravi", ravi)
    client.patch(f"notes/{shared_course[who]}/", json={"course_id": None})
    moved = changes(client)[0]["id"]
    mira.delete(f"courses/{shared_course['id']}/")
    refused = undo(client, moved)
    assert refused.status_code == 409
    told = "was in a course that is not there any more."
    assert refused.json()["detail"].endswith(f"{told} Restore the course first." if own else told)


def test_undo_of_deleting_a_file_is_refused_while_its_note_is_in_the_bin(mira: httpx.Client, write: Write) -> None:
    path = f"notes/{write()['id']}/"
    file = mira.post(f"{path}attachments/", files={"file": ("page.txt", b"words", "text/plain")}).json()["id"]
    mira.delete(f"{path}attachments/{file}/")
    deletion = changes(mira)[0]["id"]
    mira.delete(path)
    refused = undo(mira, deletion)
    assert refused.status_code == 409
    assert refused.json() == {"detail": "The note of this file lies in the recycle bin itself. Restore the note first."}


def test_undo_goes_past_what_others_have_led_back_already(mira: httpx.Client, write: Write) -> None:
    """What was put into the bin by hand, or taken out of it, is there already."""
    first = write("first")
    write("second")
    mira.post("planner-events/", json={"title": "Exam", "event_date": "2031-05-06"})
    made = {change["items"][0]["kind"]: change["id"] for change in changes(mira)[:2]}
    (event,) = (item["id"] for change in changes(mira) for item in change["items"] if item["kind"] == "planner-event")
    mira.delete(f"planner-events/{event}/")
    mira.delete(f"notes/{changes(mira)[2]['items'][0]['id']}/")
    for change in made.values():
        assert undo(mira, change).json() == {"detail": "Nothing is left of this change that could be undone."}
    assert mira.get(f"notes/{first['id']}/").status_code == 200


def test_restoring_a_course_and_undoing_its_deletion_can_be_undone(mira: httpx.Client, shared_course: dict[str, Any]) -> None:
    course, path = shared_course["id"], f"notes/{shared_course['mira']}/"
    inbox = next(one["id"] for one in mira.get("courses/").json() if one["is_default"])
    mira.delete(f"courses/{course}/")
    assert mira.post(f"recycle-bin/course/{course}/restore/").status_code == 200
    assert undo(mira).status_code == 200
    assert (mira.get(f"courses/{course}/").status_code, mira.get(path).json()["course_id"]) == (404, inbox)
    mira.post(f"recycle-bin/course/{course}/restore/")
    mira.delete(f"courses/{course}/")
    assert undo(mira).status_code == 200
    assert undo(mira, changes(mira)[0]["id"]).status_code == 200
    assert (mira.get(f"courses/{course}/").status_code, mira.get(path).json()["course_id"]) == (404, inbox)


def test_deleting_again_by_undoing_hides_own_comments_again(mira: httpx.Client, write: Write) -> None:
    note = write(is_public=True)
    comment = write("c", note_type="C", is_public=True, source_note_uuid=note["uuid"])
    mira.delete(f"notes/{note['id']}/")
    assert undo(mira).status_code == 200
    assert mira.get(f"notes/{comment['id']}/").json()["is_public"] is True
    assert undo(mira, changes(mira)[0]["id"]).status_code == 200
    assert mira.get(f"notes/{note['id']}/").status_code == 404
    assert mira.get(f"notes/{comment['id']}/").json()["is_public"] is False


def test_a_note_returns_only_into_a_course_that_its_author_may_use(
    mira: httpx.Client, ravi: httpx.Client, shared_course: dict[str, Any]
) -> None:
    course, theirs = shared_course["id"], f"notes/{shared_course['ravi']}/"
    own = ravi.post("courses/", json={"title": "Own"}).json()["id"]
    ravi.patch(theirs, json={"course_id": own})
    named = changes(ravi)[0]["id"]
    assert ravi.delete(f"courses/{course}/subscribe/").is_success
    refused = undo(ravi, named)
    assert refused.status_code == 409
    assert refused.json()["detail"].endswith("was in a course that is not open to you any more. Follow it first.")
    ravi.post(f"courses/{course}/subscribe/")
    assert undo(ravi, named).status_code == 200
    assert ravi.get(theirs).json()["course_id"] == course


def test_undo_of_following_brings_back_how_it_was_followed(mira: httpx.Client, ravi: httpx.Client) -> None:
    course = mira.post("courses/", json={"title": "Baking"}).json()["id"]

    def privately() -> bool:
        return bool(ravi.get(f"courses/{course}/").json()["is_private_subscription"])

    ravi.post(f"courses/{course}/subscribe-private/")
    assert privately()
    ravi.delete(f"courses/{course}/subscribe/")
    assert undo(ravi).status_code == 200
    assert privately()
    ravi.post(f"courses/{course}/subscribe/")
    assert not privately()
    assert undo(ravi).status_code == 200
    assert privately()
