"""No result is longer than some 60 kB, over HTTP and over stdio, and what was left out comes with the cursor (contract: mcp 12.8)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import current_thread
from time import process_time
from typing import Any

import httpx
import pytest

from cli.backend import Backend, Place
from cli.stdio import answer
from eventstore.blocks import LONGEST_PARSED
from projections.notes import past
from tests.mcp.people import LARGEST, Keeper, make_keeper
from toolbox.arguments import WrongArguments, read_arguments
from toolbox.catalog import BY_NAME
from toolbox.markdown import Heading, headings
from wiring import Services

Tool = Callable[..., Any]
WAYS = ["http", "stdio"]
"""How assistants come; over stdio the results have REST's shapes."""
LONG = "".join(f"## Part {number}\n\n" + 'wörds "quoted" \\ and more. ' * 60 + "\n\n" for number in range(100))


@pytest.fixture(params=WAYS)
def ask(request: pytest.FixtureRequest, keeper: Keeper) -> Iterator[Tool]:
    """Calls a tool that has to succeed."""
    with asking(keeper, request.param) as found:
        yield found


@contextmanager
def asking(keeper: Keeper, way: str) -> Iterator[Tool]:
    """The same for somebody else."""
    if way == "http":
        yield keeper.call
    else:
        with httpx.Client(timeout=30) as client:
            yield over_stdio(Backend(Place(f"{str(keeper.http.base_url).rstrip('/')}/api/v1", keeper.key), client))


@pytest.fixture(scope="module")
def full(door: httpx.Client, services: Services) -> tuple[Keeper, int]:
    """Somebody who has as much of everything as one page of any list shows, and more, and the id of their course. Nothing is changed."""
    keeper = make_keeper(door, services)
    course = keeper.call("create_course", title="Full", description="d" * 600)["id"]
    for number in range(200):
        note = {"title": f"{'Needle' if number < 100 else 'Doomed'} {number}", "description": "ü" * 600, "course_id": course}
        note_id = keeper.rest("POST", "notes/", note)["id"]
        if number >= 100:
            keeper.call("delete_note", note_id=note_id)
            continue
        keeper.rest("POST", "note-sessions/", {"note_id": note_id, "started_at": "2031-05-06T10:00:00Z", "summary": "ü" * 250})
        keeper.rest("POST", "calendar-feeds/", {"title": "f" * 120, "is_enabled": False, "source_url": f"https://example.org/{'p' * 150}"})
        keeper.rest("POST", "courses/", {"title": f"{number} {'c' * 100}", "description": "ü" * 600})
    for number in range(200):
        keeper.rest("POST", "planner-events/", {"title": "t" * 100, "event_date": f"2031-05-0{1 + number % 7}", "description": "d" * 250})
    return keeper, course


def over_stdio(backend: Backend) -> Tool:
    """The same by the stdio client, without a process of its own."""

    def call(tool: str, **arguments: Any) -> Any:
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": arguments}}
        reply: Any = answer(backend, json.dumps(message))
        text = reply["result"]["content"][0]["text"]
        assert "isError" not in reply["result"], text
        assert len(text.encode()) <= LARGEST, tool
        return json.loads(text)

    return call


def pages(ask: Tool, tool: str, *, least: int = 2, **arguments: Any) -> list[Any]:
    """All results of a call, each as the cursor of the one before leads to it."""
    found = [ask(tool, **arguments)]
    while "next_cursor" in found[-1]:
        assert found[-1]["truncated"] is True
        assert len(found) < 50, "the cursor leads nowhere"
        found.append(ask(tool, **arguments, cursor=found[-1]["next_cursor"]))
    assert len(found) >= least, tool
    return [{"results": page} if isinstance(page, list) else page for page in found]


def joined(found: list[Any], *names: str) -> Any:
    """What grew, put together: text, or entries."""
    (name,) = [name for name in names if name in found[0]]
    parts = [page[name] for page in found]
    return "".join(parts) if isinstance(parts[0], str) else [item for part in parts for item in part]


def test_long_texts(keeper: Keeper, ask: Tool) -> None:
    note = ask("create_note", title="Long", content=LONG)
    number = note["id"]
    assert note["truncated"] is True
    assert note["blocks"] == []
    version = keeper.call("snapshot_note", note_id=number)["version_id"]
    assert joined(pages(ask, "get_note", note_id=number), "content") == LONG
    assert joined(pages(ask, "get_note_by_uuid", uuid=note["uuid"]), "content") == LONG
    assert joined(pages(ask, "read_note_at", note_id=number, at="2099-01-01T00:00:00Z"), "content") == LONG
    assert ask("patch_note", note_id=number, append="The end")["truncated"] is True
    assert ask("patch_note", note_id=number, append="More", dry_run=True)["truncated"] is True
    assert ask("restore_note_version", note_id=number, version_id=version, dry_run=True)["truncated"] is True
    assert ask("update_note", note_id=number, content=f"# All\n\n{LONG}")["truncated"] is True
    assert joined(pages(ask, "get_note_section", note_id=number, heading="All"), "content") == f"# All\n\n{LONG}"
    for _ in range(10):
        ask("snapshot_note", note_id=number)
    versions = ask("list_note_versions", note_id=number)
    assert len(versions if isinstance(versions, list) else versions.get("versions", versions.get("results"))) >= 1
    diff = joined(pages(ask, "diff_note_versions", least=1, note_id=number, from_version=version), "diff", "unified")
    assert "+# All" in diff
    ask("update_note", note_id=number, content="".join(f"{line} changed\n" for line in range(4_000)))
    assert len(joined(pages(ask, "diff_note_versions", note_id=number, from_version=version), "diff", "unified")) > len(LONG)
    assert ask("restore_note_version", note_id=number, version_id=version)["truncated"] is True
    ask("delete_note", note_id=number, dry_run=True)
    ask("delete_note", note_id=number)
    ask("empty_recycle_bin", dry_run=True)
    assert ask("restore_deleted_note", note_id=number)["truncated"] is True
    ask("list_changes", limit=100)


def test_a_line_that_is_too_long_is_cut_and_leads_further(keeper: Keeper, ask: Tool) -> None:
    note = keeper.call("create_note", title="Wide", content=f"# {'x' * 300_000}\n\nshort\n\n# Second\n\nmore")
    outline = ask("get_note_outline", note_id=note["id"])
    assert [heading["index"] for heading in outline["headings"]] == [1, 2]
    assert "heading" in outline["headings"][0]["notice"]
    section = ask("get_note_section", note_id=note["id"], index=1)
    assert section["truncated"] is True
    assert "heading" in section["notice"]


@pytest.mark.parametrize("way", WAYS)
def test_long_lists(full: tuple[Keeper, int], way: str) -> None:
    owner, course = full
    with asking(owner, way) as ask:
        _page_through(ask, course)


def _page_through(ask: Tool, course: int) -> None:
    def ids(tool: str, *names: str, **arguments: Any) -> list[int]:
        return [item["id"] for item in joined(pages(ask, tool, least=1, **arguments), "results", *names)]

    for tool, names, arguments, least in (
        ("list_notes", ("notes",), {"limit": 100}, 100),
        ("search_notes", ("notes",), {"query": "needle"}, 50),
        ("list_course_notes", ("notes",), {"course_id": course}, 100),
        ("list_courses", ("courses",), {}, 101),
        ("list_events", ("events",), {"limit": 200}, 200),
        ("list_note_sessions", ("sessions",), {"limit": 200}, 100),
        ("list_calendar_feeds", ("feeds",), {}, 100),
        ("get_activity", ("notes",), {}, 100),
        ("get_activity", ("notes",), {"limit": 50}, 100),
        ("get_course", ("notes", "recent_notes"), {"course_id": course}, 100),
        ("list_changes", ("changes",), {"limit": 100}, 400),
    ):
        found = [str(number) for number in ids(tool, *names, **arguments)]
        assert len(found) == len(set(found)) >= least, tool
    assert len(pages(ask, "list_events", limit=200)) > 1
    for tool, name, total in (("list_events", "events", 200), ("list_note_sessions", "sessions", 100)):
        for limit in ({}, {"limit": 60}, {"limit": total - 1}):
            listed = ids(tool, name, **limit)
            assert len(set(listed)) == len(listed) == total, tool
    weeks = pages(ask, "get_activity_week", start_date="2031-05-01")
    entries = [entry for week in weeks for day in week["days"] for entry in day["events"]]
    assert len(entries) == 300
    assert [len(week["days"]) for week in weeks] == [7] * len(weeks)
    assert len(ids("list_deleted_notes", "deleted_notes")) >= 30
    assert "next_cursor" not in ask("empty_recycle_bin", dry_run=True)


def test_lists_that_go_on_behind_their_limit_say_so(keeper: Keeper, ask: Tool) -> None:
    course = keeper.call("create_course", title="Listed")["id"]
    notes = [keeper.rest("POST", "notes/", {"title": f"Note {number}", "course_id": course})["id"] for number in range(25)][::-1]
    versions = [keeper.call("snapshot_note", note_id=notes[0])["version_id"] for _ in range(30)][::-1]
    for tool, names, arguments, first, wanted in (
        ("get_activity", ("notes",), {}, 10, notes),
        ("get_activity", ("notes",), {"limit": 20}, 20, notes),
        ("get_course", ("notes", "recent_notes"), {"course_id": course}, 20, notes),
        ("list_note_versions", ("versions",), {"note_id": notes[0]}, 12, versions),
    ):
        found = pages(ask, tool, **arguments)
        (name,) = [name for name in (*names, "results") if name in found[0]]
        assert len(found[0][name]) == first, tool
        # A new account has a note of its own.
        assert [item["id"] for item in joined(found, name)][: len(wanted)] == wanted, tool


def test_all_pages_are_to_be_read_before_what_is_on_them_is_changed(keeper: Keeper, ask: Tool) -> None:
    """Cursors of lists count places. That is said where it matters, and who reads first misses nothing."""
    for name in ("list_notes", "search_notes", "list_course_notes", "list_deleted_notes", "list_events"):
        assert "read all pages first" in BY_NAME[name].properties["cursor"]["description"]
    tidy = keeper.ask("prompts/get", {"name": "tidy_inbox"})["result"]["messages"][0]["content"]["text"]
    assert "Read all pages before you move anything" in tidy
    inbox, course = keeper.call("list_courses")["courses"][0]["id"], keeper.call("create_course", title="Filed")["id"]
    for number in range(70):
        keeper.rest("POST", "notes/", {"title": f"Note {number}", "description": "ü" * 600})
    notes = joined(pages(ask, "list_course_notes", course_id=inbox), "results", "notes")
    for note in notes:
        ask("update_note", note_id=note["id"], course_id=course)
    assert keeper.call("list_notes", course_id=inbox)["total"] == 0
    assert keeper.call("list_notes", course_id=course)["total"] == len(notes) > 70


def test_the_stdio_client_tells_that_the_api_gives_only_the_latest_sessions() -> None:
    sessions: list[Any] = [{"id": number} for number in range(200)]
    for cursor, found, results in ((None, sessions, 200), ("at-c7", sessions, 1), ("at-c6", sessions[:199], 1)):
        exchange = BY_NAME["list_note_sessions"].exchange({"limit": 200, "cursor": cursor})
        assert next(exchange).query == {"limit": 200}
        with pytest.raises(StopIteration) as end:
            exchange.send(found)
        assert len(end.value.value["results"]) == results
        assert ("latest 200" in end.value.value.get("notice", "")) is (len(found) == 200)


def test_a_cursor_that_no_answer_gave_is_refused(keeper: Keeper, ask: Tool) -> None:
    with_cursor = [name for name, tool in BY_NAME.items() if "cursor" in tool.properties and not tool.required]
    assert len(with_cursor) > 5
    for tool in with_cursor:
        with pytest.raises(AssertionError, match="cursor: this is not one"):
            ask(tool, cursor="elsewhere")


def test_headings_of_hostile_texts_keep_nobody_waiting(keeper: Keeper, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their time grows with the length of the text, not with its square, and other clients are served meanwhile."""
    begun = process_time()
    (wide,) = headings(f"# a{' ' * 42_000}b")
    assert (wide.level, wide.text[-1], wide.length) == (1, "b", 42_004)
    many = headings("# \n" * 60_000)
    assert (len(many), many[0].end, many[-1].end) == (60_000, 3, 180_000)
    assert process_time() - begun < 5
    ran: list[str] = []

    def noting(text: str) -> list[Heading]:
        ran.append(current_thread().name)
        return headings(text)

    for module in ("toolbox.markdown", "toolbox.notes"):
        monkeypatch.setattr(f"{module}.headings", noting)
    note = keeper.call("create_note", title="Read", content="# A\n\ntext\n")["id"]
    keeper.call("get_note_outline", note_id=note)
    keeper.call("get_note_section", note_id=note, index=1)
    keeper.call("patch_note", note_id=note, heading="A", insert="more", dry_run=True)
    keeper.call("patch_note", note_id=note, heading="A", insert="more")
    assert len(ran) == 4
    assert all(name.startswith("assistant") for name in ran), ran


def test_long_lists_of_arguments_keep_nobody_waiting(keeper: Keeper) -> None:
    """What is read on the event loop costs no more than its bytes do."""
    begun = process_time()
    for sent in (list(range(400_000)), [[0]] * 400_000):
        with pytest.raises(WrongArguments, match="course_ids: must have at most 1000 entries"):
            read_arguments(BY_NAME["reorder_courses"], {"course_ids": sent})
    assert process_time() - begun < 1
    assert keeper.refused("reorder_courses", course_ids=[1] * 1001) == "course_ids: must have at most 1000 entries."
    assert keeper.call("reorder_courses", course_ids=[2**52] * 1000) == {"reordered": []}


def test_old_texts_are_read_as_blocks_off_the_event_loop(keeper: Keeper, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []
    members = past.past_members

    def noting(state: past.Past) -> dict[str, Any]:
        ran.append(current_thread().name)
        return members(state)

    monkeypatch.setattr(past, "past_members", noting)
    note = keeper.call("create_note", title="Old", content="text")["id"]
    version = keeper.call("snapshot_note", note_id=note)["version_id"]
    assert keeper.call("read_note_at", note_id=note, at="2099-01-01T00:00:00Z")["content"] == "text"
    assert keeper.call("restore_note_version", note_id=note, version_id=version, dry_run=True)["content"] == "text"
    assert len(ran) == 2
    assert all(name.startswith("assistant") for name in ran), ran


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("#", (1, "")),
        ("###### a", (6, "a")),
        ("####### a", None),
        ("   #\ta\t#\t", (1, "a")),
        ("    # a", None),
        ("#a", None),
        ("# a#", (1, "a#")),
        ("# a # ##", (1, "a #")),
        ("## #", (2, "")),
        ("# a \r", (1, "a")),
        ("a\n  b\n===", (1, "a b")),
        ("- # a", None),
    ],
)
def test_what_is_a_heading(line: str, found: tuple[int, str] | None) -> None:
    assert [(heading.level, heading.text) for heading in headings(line)] == ([found] if found else [])


def test_headings_of_texts_that_are_too_long_for_the_parser() -> None:
    begun = "# a\r\n```ls``` lists\r\n## b\r\n```\r\n# no\r\n```\r\n"
    found = headings(begun + "x" * LONGEST_PARSED)
    assert [(heading.level, heading.text, heading.line, heading.start) for heading in found] == [(1, "a", 1, 0), (2, "b", 3, 21)]


def size_of(result: Any) -> int:
    return len(json.dumps(result, ensure_ascii=False, separators=(",", ":")).encode())


def test_long_texts_come_in_pieces_that_join(keeper: Keeper) -> None:
    text = "".join(f"## Part {number}\n\n" + 'wörds "quoted" \\ and more. ' * 60 + "\n\n" for number in range(100))
    note = keeper.call("create_note", title="Long", content=text)
    assert note["truncated"] is True
    read, pieces = keeper.call("get_note", note_id=note["id"]), []
    while True:
        pieces.append(read["content"])
        assert size_of(read) <= 60_000
        if "next_cursor" not in read:
            break
        read = keeper.call("get_note", note_id=note["id"], cursor=read["next_cursor"])
    assert "".join(pieces) == text
    assert len(pieces) > 2
    outline = keeper.call("get_note_outline", note_id=note["id"])
    assert [heading["heading"] for heading in outline["headings"]][:2] == ["Part 0", "Part 1"]
    section = keeper.call("get_note_section", note_id=note["id"], index=3)
    assert section["content"].startswith("## Part 2\n")
    assert keeper.call("get_note_section", note_id=note["id"], heading="Part 2")["content"] == section["content"]
    assert "cursor" in keeper.refused("get_note", note_id=note["id"], cursor="elsewhere")


def test_long_lists_are_cut_with_a_cursor(keeper: Keeper) -> None:
    for number in range(100):
        keeper.rest("POST", "notes/", {"title": f"Note {number}", "description": "d" * 600})
    seen: list[int] = []
    page: dict[str, Any] = keeper.call("list_notes", limit=100)
    while True:
        assert size_of(page) <= 60_000
        seen += [note["id"] for note in page["notes"]]
        if "next_cursor" not in page:
            break
        page = keeper.call("list_notes", limit=100, cursor=page["next_cursor"])
    assert len(seen) == len(set(seen)) == page["total"]


def test_everything_that_can_grow_goes_on_with_a_cursor(keeper: Keeper) -> None:
    note = keeper.call("create_note", title="Headed", content="\n".join(f"# {number} {'h' * 200}" for number in range(400)))
    for number in range(50):
        keeper.rest("POST", "notes/", {"title": f"Note {number}", "description": "ü" * 600})
    for number in range(220):
        event = {"title": f"{number} {'t' * 100}", "event_date": f"2031-05-0{1 + number % 7}", "description": "d" * 250}
        keeper.rest("POST", "planner-events/", event)

    def all_of(tool: str, name: str, **arguments: Any) -> list[Any]:
        found: list[Any] = []
        page = keeper.call(tool, **arguments)
        assert page["truncated"] is True
        while True:
            assert size_of(page) <= 60_000
            found += [entry for day in page["days"] for entry in day["events"]] if name == "days" else page[name]
            if "next_cursor" not in page:
                return found
            page = keeper.call(tool, **arguments, cursor=page["next_cursor"])

    assert [heading["index"] for heading in all_of("get_note_outline", "headings", note_id=note["id"])] == list(range(1, 401))
    assert len({one["id"] for one in all_of("get_activity", "notes", limit=50)}) == keeper.call("list_notes", limit=1)["total"] > 50
    entries = all_of("get_activity_week", "days", start_date="2031-05-01")
    assert len(entries) == len({entry["source_id"] for entry in entries}) == 220
