"""expected_version on every write: over the endpoint, and over stdio as If-Match that the REST API checks."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.mcp.people import Keeper
from tests.mcp.test_bounds import WAYS, asking
from tests.mcp.test_stdio import conversing, exchange, tool
from toolbox.catalog import ALL_TOOLS

Call = Callable[[str, dict[str, Any]], Any]
CREATING = {
    "create_note", "create_course", "create_event", "create_calendar_feed", "create_note_session", "undo_last_change", "restore_deleted",
}  # fmt: skip
"""What they make has no version yet; a change that is taken back is named by its id, and what lies in the bin changes no more."""
DRY = {one.name for one in ALL_TOOLS if "dry_run" in one.properties} - {"undo_last_change", "empty_recycle_bin"}
"""Tools whose dry runs refuse another version as well."""
STALE = "2001-01-01T00:00:00+00:00"


def test_every_write_takes_an_expected_version() -> None:
    lacking = {one.name for one in ALL_TOOLS if not one.reads and "expected_version" not in one.properties}
    assert lacking == CREATING


def prepared(keeper: Keeper) -> dict[str, tuple[dict[str, Any], str]]:
    """For each tool with an expected_version what it is called with, and the version that is right."""
    made = {name: keeper.call("create_note", title=name) for name in ("update_note", "patch_note", "delete_note", "restore_note_version")}
    note = keeper.call("create_note", title="Others")
    version = keeper.call("snapshot_note", note_id=made["restore_note_version"]["id"])["version_id"]
    path = f"/api/v1/notes/{note['id']}/attachments/"
    keeper.http.post(path, files={"file": ("a.txt", b"a", "text/plain")}, headers=keeper.person.headers)
    (file,) = keeper.call("list_attachments", note_id=note["id"])["attachments"]
    courses = {name: keeper.call("create_course", title=name) for name in ("update_course", "delete_course", "subscribe_course")}
    keeper.call("delete_note", note_id=keeper.call("create_note", title="In the bin")["id"])
    (binned,) = keeper.call("list_deleted_notes")["deleted_notes"]
    events = {name: keeper.call("create_event", title=name, event_date="2031-05-06") for name in ("update_event", "delete_event")}
    feeds = {name: keeper.call("create_calendar_feed", title=name) for name in ("update_calendar_feed", "delete_calendar_feed")}
    session = keeper.call("create_note_session", note_id=note["id"])
    followed = courses["subscribe_course"]
    order = keeper.call("list_courses")["version"]
    profile = keeper.call("get_profile")["version"]
    return {
        "update_profile": ({"motto": "x"}, profile),
        "update_note": ({"note_id": made["update_note"]["id"], "title": "x"}, made["update_note"]["version"]),
        "patch_note": ({"note_id": made["patch_note"]["id"], "append": "x"}, made["patch_note"]["last_edit"].replace("+00:00", "Z")),
        "delete_note": ({"note_id": made["delete_note"]["id"]}, made["delete_note"]["version"]),
        "snapshot_note": ({"note_id": note["id"]}, note["version"]),
        "restore_note_version": (
            {"note_id": made["restore_note_version"]["id"], "version_id": version}, made["restore_note_version"]["version"],
        ),
        "delete_attachment": ({"note_id": note["id"], "attachment_id": file["id"]}, file["date_created"]),
        "update_course": ({"course_id": courses["update_course"]["id"], "icon": 7}, courses["update_course"]["version"]),
        "reorder_courses": ({"course_ids": [one["id"] for one in courses.values()][::-1]}, order),
        "subscribe_course": ({"course_id": followed["id"]}, followed["version"]),
        "unsubscribe_course": ({"course_id": followed["id"]}, followed["version"]),
        "delete_course": ({"course_id": courses["delete_course"]["id"]}, courses["delete_course"]["version"]),
        "end_note_session": ({"session_id": session["id"], "ended_at": "2031-01-01T10:00:00+01:00"}, session["version"]),
        "update_event": ({"event_id": events["update_event"]["id"], "is_completed": True}, events["update_event"]["version"]),
        "delete_event": ({"event_id": events["delete_event"]["id"]}, events["delete_event"]["version"]),
        "update_calendar_feed": ({"feed_id": feeds["update_calendar_feed"]["id"], "title": "x"}, feeds["update_calendar_feed"]["version"]),
        "delete_calendar_feed": ({"feed_id": feeds["delete_calendar_feed"]["id"]}, feeds["delete_calendar_feed"]["version"]),
        "restore_deleted_note": ({"note_id": binned["id"]}, binned["version"]),
        "empty_recycle_bin": ({}, ""),
    }  # fmt: skip


@pytest.fixture(params=["endpoint", "stdio"])
def call(request: pytest.FixtureRequest, keeper: Keeper) -> Iterator[Call]:
    """Calls a tool: its result, or its refusal."""
    if request.param == "endpoint":
        yield lambda name, arguments: keeper.ask("tools/call", {"name": name, "arguments": arguments})["result"]
    else:
        with conversing(keeper) as ask:
            yield lambda name, arguments: ask(tool(1, name, **arguments))["result"]


def test_only_the_version_that_was_seen_is_changed(keeper: Keeper, call: Call) -> None:
    calls = prepared(keeper)
    assert set(calls) == {one.name for one in ALL_TOOLS if "expected_version" in one.properties}
    for name, (arguments, right) in calls.items():
        if name == "empty_recycle_bin":
            keeper.call("delete_note", note_id=keeper.call("create_note", title="Last")["id"])
            right = keeper.call("list_deleted_notes")["version"]  # noqa: PLW2901 - the bin changes with every call
        dry = [{"dry_run": True}] if name in DRY else []
        for more in ({}, *dry):
            stale = call(name, {**arguments, **more, "expected_version": STALE})
            assert stale.get("isError"), name
            assert "Changed meanwhile" in stale["content"][0]["text"], name
        for more in dry:
            assert not call(name, {**arguments, **more, "expected_version": right}).get("isError"), name
        done = call(name, {**arguments, "expected_version": right})
        assert not done.get("isError"), (name, done)


def test_a_number_is_a_version_as_well(keeper: Keeper) -> None:
    note = keeper.rest("POST", "notes/", {"title": "Counted"})
    assert keeper.call("update_note", note_id=note["id"], title="Once", expected_version=note["version"])["title"] == "Once"
    assert "Changed meanwhile" in keeper.refused("update_note", note_id=note["id"], title="Twice", expected_version=note["version"])


def test_the_api_refuses_another_version_and_tells_the_present_one(keeper: Keeper) -> None:
    event = keeper.rest("POST", "planner-events/", {"title": "Plan", "event_date": "2031-05-06"})
    path = f"/api/v1/planner-events/{event['id']}/"
    stale = keeper.http.patch(path, json={"title": "x"}, headers={**keeper.person.headers, "If-Match": f'"{STALE}"'})
    assert (stale.status_code, stale.json()["version"]) == (412, event["last_edit"])
    right = keeper.http.patch(path, json={"title": "x"}, headers={**keeper.person.headers, "If-Match": f'"{event["last_edit"]}"'})
    assert right.status_code == 200


def test_a_session_ends_when_the_assistant_says(keeper: Keeper) -> None:
    note = keeper.call("create_note", title="Studied")
    session = keeper.call("create_note_session", note_id=note["id"])
    assert session["ended_at"] is None
    ended = keeper.call("end_note_session", session_id=session["id"], ended_at="2031-01-01T10:00:00+01:00")
    assert ended["ended_at"] == ended["ends_at"] == "2031-01-01T09:00:00+00:00"
    (reply,) = exchange(keeper, tool(1, "end_note_session", session_id=session["id"], ended_at="2031-01-02T10:00:00Z", summary="s" * 300))
    shown = json.loads(reply["result"]["content"][0]["text"])
    assert (shown["ended_at"], len(shown["summary"])) == ("2031-01-02T10:00:00+00:00", 255)


def test_what_is_done_over_stdio_names_tool_client_and_key(keeper: Keeper) -> None:
    begin = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {"clientInfo": {"name": "Scribe", "version": "1"}}}
    exchange(keeper, begin, tool(1, "create_note", title="By whom"))
    change = keeper.rest("GET", "changes/")["results"][0]
    assert (change["channel"], change["key"]) == ("api_key", keeper.key[:8])
    assert change["client"].startswith("notechondria-mcp-cli/")
    assert change["client"].endswith(" create_note (Scribe)")
    dry, undone = exchange(keeper, tool(1, "undo_last_change", dry_run=True), tool(2, "undo_last_change"))
    assert json.loads(dry["result"]["content"][0]["text"])["change_id"] == str(change["id"])
    assert "isError" not in undone["result"]


@pytest.mark.parametrize("way", WAYS)
def test_what_a_dry_run_of_going_back_shows_may_be_sent_back(keeper: Keeper, way: str) -> None:
    note = keeper.call("create_note", title="First", content="first")
    version = keeper.call("snapshot_note", note_id=note["id"])["version_id"]
    keeper.call("update_note", note_id=note["id"], title="Second", content="second")
    chosen = {"note_id": note["id"], "version_id": version}
    with asking(keeper, way) as ask:
        preview = ask("restore_note_version", **chosen, dry_run=True)
        assert (preview["title"], preview["content"]) == ("First", "first")
        seen = preview["version"] if way == "http" else preview["last_edit"]
        keeper.call("update_note", note_id=note["id"], content="third")
        with pytest.raises(AssertionError, match="Changed meanwhile"):
            ask("restore_note_version", **chosen, expected_version=seen)
        preview = ask("restore_note_version", **chosen, dry_run=True)
        ask("restore_note_version", **chosen, expected_version=preview["version"] if way == "http" else preview["last_edit"])
    assert keeper.call("get_note", note_id=note["id"])["content"] == "first"


@pytest.mark.parametrize("way", WAYS)
def test_any_version_may_be_expected_of_a_patch(keeper: Keeper, way: str) -> None:
    note = keeper.call("create_note", title="Patched", content="a")
    with asking(keeper, way) as ask:
        ask("patch_note", note_id=note["id"], append="b", expected_version="*")
        seen = keeper.call("get_note", note_id=note["id"])["version"]
        ask("patch_note", note_id=note["id"], append="c", expected_version=seen)
        seen = keeper.call("get_note", note_id=note["id"])["version"].replace("+00:00", "Z")
        ask("patch_note", note_id=note["id"], append="d", expected_version=seen)
        with pytest.raises(AssertionError, match="Changed meanwhile"):
            ask("patch_note", note_id=note["id"], append="e", expected_version=seen)
