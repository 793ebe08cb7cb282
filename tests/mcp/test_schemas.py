"""Names, hints and schemas as they are advertised, and results that match them over generated data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from mcp_server import tools as handlers
from mcp_server.call import HANDLERS
from tests.mcp.people import Keeper, checked
from toolbox.catalog import ALL_TOOLS, BY_NAME

CONTRACT = """
get_profile update_profile list_notes get_note create_note update_note delete_note search_notes get_note_by_uuid
list_note_versions snapshot_note restore_note_version list_attachments delete_attachment list_deleted_notes restore_deleted_note
empty_recycle_bin list_courses get_course create_course update_course delete_course list_course_notes reorder_courses
subscribe_course unsubscribe_course get_heatmap get_recent_activity get_activity get_activity_week list_note_sessions
create_note_session end_note_session list_events create_event update_event delete_event list_calendar_feeds create_calendar_feed
update_calendar_feed delete_calendar_feed
""".split()  # noqa: SIM905 - a list of so many words reads best as text
ADDED = """
patch_note get_note_outline get_note_section diff_note_versions read_note_at list_changes undo_last_change list_recycle_bin
restore_deleted
""".split()  # noqa: SIM905 - a list of so many words reads best as text


def test_all_tools_are_listed_on_one_page(keeper: Keeper) -> None:
    result = keeper.ask("tools/list")["result"]
    assert "nextCursor" not in result
    assert {tool["name"] for tool in result["tools"]} == {*CONTRACT, *ADDED}
    assert len(result["tools"]) == 50
    for tool in result["tools"]:
        assert tool["inputSchema"]["type"] == tool["outputSchema"]["type"] == "object"
        assert tool["description"]
        Draft202012Validator.check_schema(tool["inputSchema"])
        Draft202012Validator.check_schema(tool["outputSchema"])


def test_each_tool_has_one_handler() -> None:
    handlers.load()
    assert set(HANDLERS) == set(BY_NAME)
    assert len(BY_NAME) == len(ALL_TOOLS)


@pytest.mark.parametrize(
    ("names", "hints"),
    [
        ("get_note list_notes search_notes get_heatmap list_changes", {"readOnlyHint": True, "openWorldHint": False}),
        ("create_note create_event snapshot_note", {"readOnlyHint": False, "destructiveHint": False, "idempotentHint": False}),
        ("create_calendar_feed", {"openWorldHint": True, "destructiveHint": False}),
        ("update_profile update_note update_course update_event reorder_courses", {"destructiveHint": True, "idempotentHint": True}),
        ("update_calendar_feed", {"destructiveHint": True, "idempotentHint": True, "openWorldHint": True}),
        ("delete_note restore_deleted_note restore_note_version unsubscribe_course", {"destructiveHint": False, "idempotentHint": False}),
        ("restore_deleted", {"readOnlyHint": False, "destructiveHint": False, "idempotentHint": False}),
        ("subscribe_course", {"destructiveHint": False, "idempotentHint": True}),
        ("end_note_session", {"destructiveHint": True, "idempotentHint": False}),
        ("delete_course delete_attachment delete_event delete_calendar_feed empty_recycle_bin", {"destructiveHint": True}),
    ],
)  # fmt: skip
def test_hints(keeper: Keeper, names: str, hints: Mapping[str, bool]) -> None:
    listed = {tool["name"]: tool["annotations"] for tool in keeper.ask("tools/list")["result"]["tools"]}
    for name in names.split():
        assert hints.items() <= listed[name].items(), name


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=60) | st.sampled_from(
    ["# Heading\n\ntext", "```\n# no heading\n```", "\x1a", "\x00", "%s %(x)s", "2031-05-06", "a" * 700, "﷽" * 100, "</script>", "{}"]
)
WILD = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS
    | st.lists(st.integers(), max_size=3)
    | st.just({"a": 1})
)


def fitting(schema: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    """Values that a schema mostly admits."""
    kinds: Any = schema.get("type")
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    strategies: dict[str, st.SearchStrategy[Any]] = {
        "integer": st.integers(0, 30) | st.integers(1, 2**53),
        "string": TEXTS,
        "boolean": st.booleans(),
        "array": st.lists(st.integers(1, 30) | WILD, max_size=5),
        "null": st.none(),
    }
    return st.one_of([strategies[kind] for kind in (kinds if isinstance(kinds, list) else [kinds])])


@st.composite
def calls(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """A tool and arguments: mostly fitting, sometimes wild."""
    tool = draw(st.sampled_from(ALL_TOOLS))
    chosen = {name for name in tool.properties if name in tool.required or draw(st.booleans())}
    values = {name: draw(WILD if draw(st.integers(0, 9)) == 0 else fitting(tool.properties[name])) for name in sorted(chosen)}
    return tool.name, values


def seeded(keeper: Keeper) -> None:
    """Something of everything, so that small ids mean something."""
    course = keeper.call("create_course", title="Course", description="d")
    for number in range(3):
        note = keeper.call("create_note", title=f"Note {number}", content="# A\n\ntext\n\n# B\n\nmore", course_id=course["id"])
        keeper.call("snapshot_note", note_id=note["id"])
        session = keeper.call("create_note_session", note_id=note["id"])
    keeper.call("end_note_session", session_id=session["id"])
    keeper.call("create_event", title="Event", event_date="2031-05-06")
    keeper.call("create_calendar_feed", title="Feed")
    keeper.call("delete_note", note_id=note["id"])


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(made=st.lists(calls(), min_size=1, max_size=6))
def test_whatever_is_sent_the_answer_keeps_its_shape(keeper: Keeper, made: list[tuple[str, dict[str, Any]]]) -> None:
    if not keeper.call("list_events", include_completed=True)["events"]:
        seeded(keeper)
    for name, arguments in made:
        result = keeper.ask("tools/call", {"name": name, "arguments": arguments})["result"]
        if result.get("isError"):
            text = result["content"][0]["text"]
            assert "went wrong" not in text, (name, arguments, text)
            assert not any(word in text for word in ("Traceback", "Error(", "psycopg", "SELECT", "ValidationError", "KeyError"))
            assert "structuredContent" not in result
        else:
            checked(name, result)


def test_nulls_and_empties_match_the_schemas(keeper: Keeper) -> None:
    note = keeper.rest("POST", "notes/", {"title": "Bare", "description": None, "metadata_json": "", "content": "", "editor_mode": "P"})
    keeper.rest("PATCH", f"notes/{note['id']}/", {"description": None, "blocks": [{"block_type": "N", "text": "x", "args": None}]})
    detail = keeper.call("get_note", note_id=note["id"])
    assert detail["description"] == ""
    assert detail["blocks"][0]["args"] == ""
    keeper.rest("POST", "courses/", {"title": "Bare", "description": None})
    keeper.rest("POST", "planner-events/", {"title": "Bare", "event_date": "2031-05-06", "description": None})
    for name in (
        "list_notes",
        "list_courses",
        "list_events",
        "get_activity_week",
        "get_recent_activity",
        "list_deleted_notes",
        "get_profile",
    ):
        keeper.call(name)


def test_a_week_that_is_too_full_is_cut(keeper: Keeper) -> None:
    for number in range(200):
        keeper.rest("POST", "planner-events/", {"title": f"Plan {number}", "event_date": "2031-05-06", "description": "d" * 255})
    week = keeper.call("get_activity_week", start_date="2031-05-05")
    assert week["truncated"] is True
    assert len(json.dumps(week, separators=(",", ":"))) <= 60_000
    assert len(week["days"]) == 7
