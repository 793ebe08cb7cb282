"""Changes that assistants list and take back (contract: mcp 7, decisions 40), over raw HTTP."""

from __future__ import annotations

import itertools
from collections.abc import Container
from typing import Any

import pytest

from projections.changes.lookups import ChangeAnswers
from tests.mcp.people import Keeper
from tests.mcp.test_bounds import WAYS, Tool, asking


def test_changes_are_listed_and_taken_back(keeper: Keeper) -> None:
    note = keeper.call("create_note", title="Original")
    keeper.call("update_note", note_id=note["id"], title="Changed by the assistant")
    keeper.rest("PATCH", f"notes/{note['id']}/", {"description": "Changed by the user"})
    first, second, third = keeper.call("list_changes")["changes"][:3]
    assert [change["channel"] for change in (first, second, third)] == ["web", "mcp:update_note", "mcp:create_note"]
    assert second["key"] == keeper.key[:8]
    preview = keeper.call("undo_last_change", dry_run=True)
    assert (preview["undone"], preview["change_id"]) == (False, second["id"])
    assert keeper.call("undo_last_change")["change_id"] == second["id"]
    now = keeper.call("get_note", note_id=note["id"])
    assert (now["title"], now["description"]) == ("Original", "Changed by the user")
    assert keeper.call("undo_last_change", change_id=first["id"])["undone"] is True
    assert keeper.call("get_note", note_id=note["id"])["description"] == ""
    assert "undone already" in keeper.refused("undo_last_change", change_id=first["id"])
    assert "change_id" in keeper.refused("undo_last_change", change_id="nonsense")


def test_what_is_no_change_is_stepped_over_and_what_is_undone_is_told(keeper: Keeper) -> None:
    note = keeper.call("create_note", title="Sat at")
    session = keeper.call("create_note_session", note_id=note["id"])
    keeper.call("end_note_session", session_id=session["id"])
    keeper.call("snapshot_note", note_id=note["id"])
    for undone in (keeper.call("undo_last_change", dry_run=True), keeper.call("undo_last_change")):
        assert undone["what"].startswith("Note created")
        assert undone["what"].endswith(": Sat at")
    assert "no such note" in keeper.refused("get_note", note_id=note["id"])


@pytest.mark.parametrize("way", WAYS)
def test_a_dry_run_of_undoing_is_refused_as_undoing_is(keeper: Keeper, other: Keeper, way: str) -> None:
    note = keeper.call("create_note", title="First")
    keeper.call("update_note", note_id=note["id"], title="Second")
    keeper.call("update_note", note_id=note["id"], title="Third")
    third, second, *_ = (change["id"] for change in keeper.call("list_changes")["changes"])
    theirs = other.call("create_note", title="Theirs")
    (foreign,) = (change["id"] for change in other.call("list_changes", limit=1)["changes"])
    with asking(keeper, way) as ask:
        for wrong, told in ((second, "title was changed again"), (foreign, "Change"), ("999999999", "Change")):
            with pytest.raises(AssertionError) as dry:
                ask("undo_last_change", change_id=wrong, dry_run=True)
            with pytest.raises(AssertionError) as wet:
                ask("undo_last_change", change_id=wrong)
            assert str(dry.value) == str(wet.value)
            assert told.lower() in str(dry.value).lower()
        preview = ask("undo_last_change", change_id=third, dry_run=True)
        assert (preview["undone"], preview["change_id"], preview["what"]) == (False, third, "Note renamed: Third")
        assert keeper.call("get_note", note_id=note["id"])["title"] == "Third"
        assert ask("undo_last_change", change_id=third)["what"] == "Note renamed: Third"
        with pytest.raises(AssertionError, match="undone already"):
            ask("undo_last_change", change_id=third, dry_run=True)
    assert other.call("get_note", note_id=theirs["id"])["title"] == "Theirs"


@pytest.mark.parametrize("way", WAYS)
def test_undoing_a_deletion_publishes_only_what_was_public(keeper: Keeper, way: str) -> None:
    private, public = (keeper.rest("POST", "notes/", {"title": "x", "is_public": shown})["id"] for shown in (False, True))
    with asking(keeper, way) as ask:
        ask("delete_note", note_id=private)
        ask("undo_last_change")
        assert keeper.call("get_note", note_id=private)["title"] == "x"
        ask("delete_note", note_id=public)
        for dry_run in (True, False):
            with pytest.raises(AssertionError, match="assistants_may_share"):
                ask("undo_last_change", dry_run=dry_run)
        keeper.allow_sharing()
        ask("undo_last_change")
    assert keeper.call("get_note", note_id=public)["is_public"] is True


def test_undoing_does_not_publish_unless_that_is_allowed(keeper: Keeper) -> None:
    note = keeper.rest("POST", "notes/", {"title": "Was public", "is_public": True})
    keeper.rest("PATCH", f"notes/{note['id']}/", {"is_public": False})
    change = keeper.call("list_changes", limit=1)["changes"][0]
    assert "assistants_may_share" in keeper.refused("undo_last_change", change_id=change["id"])
    assert keeper.call("get_note", note_id=note["id"])["is_public"] is False
    keeper.allow_sharing()
    keeper.call("undo_last_change", change_id=change["id"])
    assert keeper.call("get_note", note_id=note["id"])["is_public"] is True


def test_nobody_elses_change_can_be_taken_back(keeper: Keeper, other: Keeper) -> None:
    keeper.call("create_note", title="Mine")
    (change, *_) = keeper.call("list_changes", limit=1)["changes"]
    assert other.refused("undo_last_change", change_id=change["id"])
    assert "no change of yours" in other.refused("undo_last_change")


@pytest.mark.parametrize("way", WAYS)
def test_changes_that_nobody_can_take_back_are_stepped_over(keeper: Keeper, way: str) -> None:
    note = keeper.call("create_note", title="Before")
    with asking(keeper, way) as ask:
        ask("update_note", note_id=note["id"], title="After")
        ask("update_profile", motto="Stays")
        assert ask("undo_last_change", dry_run=True)["what"] == "Note renamed: After"
        ask("undo_last_change")
    assert keeper.call("get_note", note_id=note["id"])["title"] == "Before"
    assert keeper.call("get_profile")["motto"] == "Stays"


@pytest.mark.parametrize("way", WAYS)
def test_an_own_change_is_found_behind_many_of_the_user(keeper: Keeper, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the search stops, that is told instead of denying what may be there."""
    monkeypatch.setattr("projections.changes.lookups.EVENTS_AT_ONCE", 6)
    monkeypatch.setattr("projections.changes.lookups.MOST_LOOKS", 3)
    with asking(keeper, way) as ask:
        ask("create_note", title="By the assistant")
        note = keeper.rest("POST", "notes/", {"title": "By the user"})
        for number in range(12):
            keeper.rest("PATCH", f"notes/{note['id']}/", {"description": f"By the user {number}"})
        assert ask("undo_last_change", dry_run=True)["what"] == "Note created: By the assistant"
        for number in range(2):
            keeper.rest("PATCH", f"notes/{note['id']}/", {"description": f"By the user again {number}"})
        with pytest.raises(AssertionError, match="could be taken back among the latest"):
            ask("undo_last_change", dry_run=True)


@pytest.mark.parametrize("way", WAYS)
def test_what_was_changed_is_told_by_its_title(keeper: Keeper, way: str) -> None:
    note = keeper.call("create_note", title="With a file")["id"]
    path = f"/api/v1/notes/{note}/attachments/"
    file = keeper.http.post(path, files={"file": ("page.txt", b"words", "text/plain")}, headers=keeper.person.headers).json()["id"]
    with asking(keeper, way) as ask:
        ask("delete_attachment", note_id=note, attachment_id=file)
        assert ask("undo_last_change")["what"] == "Attachment deleted: page.txt"
        feed = ask("create_calendar_feed", title="Timetable")["id"]
        ask("delete_calendar_feed", feed_id=feed)
        assert ask("undo_last_change")["what"] == "Calendar feed removed: Timetable"
        for title in ("Exam", "Party"):
            ask("delete_event", event_id=ask("create_event", title=title, event_date="2031-05-06")["id"])
    listed = keeper.call("list_changes", limit=4)["changes"]
    assert [change["what"] for change in listed] == [
        f"Planner event {done}: {title}" for title in ("Party", "Exam") for done in ("deleted", "created")
    ]


@pytest.mark.parametrize("way", WAYS)
def test_changes_of_which_nothing_is_left_are_stepped_over(keeper: Keeper, way: str) -> None:
    with asking(keeper, way) as ask:
        first, second, binned = (ask("create_note", title=title, content="as it was")["id"] for title in ("first", "second", "binned"))
        exam = ask("create_event", title="Exam", event_date="2031-05-06")["id"]
        ask("update_note", note_id=first, title="Changed")
        ask("delete_note", note_id=binned)
        ask("patch_note", note_id=second, find="it was", replace="it is")
        keeper.rest("PATCH", f"notes/{second}/", {"content": "as it was"})
        keeper.rest("POST", f"notes/{binned}/restore/")
        for dry_run in (True, False):
            assert ask("undo_last_change", dry_run=dry_run)["what"] == "Note renamed: Changed"
        keeper.rest("DELETE", f"planner-events/{exam}/")
        assert ask("undo_last_change")["what"].endswith(": binned")
    assert keeper.call("get_note", note_id=first)["title"] == "first"


def test_who_undoes_at_the_same_moment_takes_an_older_change_back(keeper: Keeper, monkeypatch: pytest.MonkeyPatch) -> None:
    keeper.call("create_note", title="first")
    keeper.call("create_note", title="second")
    find, looks = ChangeAnswers.last_change, itertools.count(1)

    def late(self: ChangeAnswers, account_id: int, kinds: Container[str], before: int | None, key: str | None) -> Any:
        found = find(self, account_id, kinds, before, key)
        if next(looks) == 2:
            # Behind the look for what is to be told, in the taking back itself.
            monkeypatch.undo()
            keeper.rest("POST", "undo/", {})
        return found

    monkeypatch.setattr(ChangeAnswers, "last_change", late)
    assert keeper.call("undo_last_change")["what"].endswith(": first")
    assert next(looks) == 3


@pytest.mark.parametrize("way", WAYS)
def test_a_refusal_names_the_thing_and_what_else_there_is(keeper: Keeper, way: str) -> None:
    """And advises nobody to delete what the user has written since."""
    with asking(keeper, way) as ask:
        note = ask("create_note", title="Mine")["id"]
        keeper.rest("PATCH", f"notes/{note}/", {"content": "the user's own words"})
        _refused(ask, f'The note {note} "Mine" was changed after', "whoever wrote that", "change_id", "list_changes")
        event = ask("create_event", title="Exam", event_date="2031-05-06")["id"]
        keeper.rest("PATCH", f"planner-events/{event}/", {"description": "the user's own words"})
        _refused(ask, f'The event {event} "Exam" was changed after', "whoever wrote that", "change_id", "list_changes")
        ask("update_note", note_id=note, title="Ours")
        keeper.rest("DELETE", f"notes/{note}/")
        _refused(ask, f'The note {note} "Ours" lies in the recycle bin. Restore it first.', "change_id")


def _refused(ask: Tool, *told: str) -> None:
    for dry_run in (True, False):
        with pytest.raises(AssertionError) as refused:
            ask("undo_last_change", dry_run=dry_run)
        assert all(text in str(refused.value) for text in told), str(refused.value)


@pytest.mark.parametrize("way", WAYS)
def test_a_public_note_that_may_not_be_published_again_is_brought_back_by_another_tool(keeper: Keeper, way: str) -> None:
    note = keeper.rest("POST", "notes/", {"title": "Public", "is_public": True})["id"]
    with asking(keeper, way) as ask:
        ask("create_note", title="Older")
        ask("delete_note", note_id=note)
        _refused(ask, "assistants_may_share", "restore_deleted_note", "change_id")
        ask("restore_deleted_note", note_id=note)
    assert keeper.call("get_note", note_id=note)["is_public"] is False
