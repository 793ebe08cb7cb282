"""The stdio client as a program of its own, against the real server (contract: mcp 10)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from cli.backend import Backend, BackendFailed, api_url, configured
from settings import ClientSettings
from tests.mcp.people import Keeper
from toolbox.catalog import ALL_TOOLS
from toolbox.tool import rest

ROOT = Path(__file__).parents[2]


CLIMBING = ["../../settings", "..", "x?y#z", "x/y"]
COMMAND = [sys.executable, "-c", "from cli.main import app; app()", "mcp"]


def surroundings(keeper: Keeper | None, **environment: str) -> dict[str, str]:
    """An environment with this keeper's key."""
    known = {name: value for name, value in os.environ.items() if not name.startswith("NOTECHONDRIA_")}
    if keeper is not None:
        known |= {"NOTECHONDRIA_API_URL": str(keeper.http.base_url), "NOTECHONDRIA_API_KEY": keeper.key}
    return known | {"PYTHONPATH": str(ROOT), "HOME": "/nonexistent", **environment}


def run(keeper: Keeper | None, *arguments: str, given: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """`notechondria mcp ...` with this keeper's key."""
    known = surroundings(keeper, **environment)
    return subprocess.run([*COMMAND, *arguments], input=given, capture_output=True, text=True, env=known, check=False, timeout=120)


@contextmanager
def conversing(keeper: Keeper) -> Iterator[Callable[[Any], Any]]:
    """The same serving: yields what tells it a message and waits for its reply."""
    pipe, environment = subprocess.PIPE, surroundings(keeper)
    with subprocess.Popen(
        [*COMMAND, "serve"], stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True, bufsize=1, env=environment
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        lines, replies = process.stdin, process.stdout

        def ask(message: Any) -> Any:
            lines.write(json.dumps(message) + "\n")
            return json.loads(replies.readline())

        yield ask


def exchange(keeper: Keeper, *messages: Any) -> list[dict[str, Any]]:
    """Replies to messages, which are sent all at once."""
    lines = [message if isinstance(message, str) else json.dumps(message) for message in messages]
    done = run(keeper, "serve", given="\n".join(lines) + "\n")
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def request(number: Any, method: str, **params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": params}


def tool(number: Any, name: str, **arguments: Any) -> dict[str, Any]:
    return request(number, "tools/call", name=name, arguments=arguments)


def test_no_line_ends_the_session(keeper: Keeper) -> None:
    """Each is answered, and so is what comes behind it."""
    replies = exchange(
        keeper,
        r'{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "create_note", "arguments": {"title": "a\ud800b"}}}',
        r'{"jsonrpc": "2.0", "id": "\ud800", "method": "ping"}',
        '{"jsonrpc": "2.0", "id": 1e999, "method": "ping"}',
        "[" * 50_000,
        request({}, "ping"),
        request(True, "ping"),
        *[tool(number, "get_note_by_uuid", uuid=text) for number, text in enumerate(CLIMBING, 2)],
        request(6, "ping"),
    )
    assert [(reply["id"], reply.get("error", {}).get("code")) for reply in replies] == [
        *[(None, -32700)] * 4, (None, -32600), (None, -32600), *[(number, None) for number in range(2, 7)],
    ]  # fmt: skip
    told = [reply["result"]["content"][0]["text"] for reply in replies[6:10]]
    assert [text.partition(": ")[0] for text in told] == ["uuid"] * 4, told


@pytest.mark.parametrize("text", CLIMBING)
def test_a_text_stays_one_part_of_the_path(keeper: Keeper, text: str) -> None:
    """Nothing outside of a tool's own route is reached."""
    with httpx.Client() as client, pytest.raises(BackendFailed) as refused:
        Backend(configured(ClientSettings(api_url=str(keeper.http.base_url), api_key=SecretStr(keeper.key))), client).run(
            rest("GET", "notes/uuid/{uuid}/")({"uuid": text})
        )
    assert refused.value.status == 404


def test_a_session_over_stdio(keeper: Keeper) -> None:
    keeper.rest("PATCH", "settings/", {"app_settings": {"mcp_skill_md": "Be brief."}})
    replies = exchange(
        keeper,
        request(1, "initialize"),
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        "",
        "{nonsense",
        request("two", "ping"),
        request(3, "tools/list"),
        request(4, "no/such"),
        {"jsonrpc": "2.0", "method": "no/such"},
        tool(5, "no_such_tool"),
        tool(6, "get_profile"),
        tool(7, "get_note"),
        tool(8, "get_note", note_id=10**9),
        tool(9, "create_note", title="Über stdio", content="ü"),
    )
    assert [reply["id"] for reply in replies] == [1, None, "two", 3, 4, 5, 6, 7, 8, 9]
    begun, unparsed, ping, listed, unknown, no_tool, profile, lacking, missing, made = replies
    assert begun["result"]["protocolVersion"] == "2025-03-26"
    assert begun["result"]["serverInfo"]["name"] == "notechondria-mcp-cli"
    assert begun["result"]["instructions"].endswith("## User skill.md\n\nBe brief.")
    assert unparsed["error"]["code"] == -32700
    assert ping["result"] == {}
    assert [one["name"] for one in listed["result"]["tools"]] == [one.name for one in ALL_TOOLS]
    assert unknown["error"]["code"] == -32601
    assert no_tool["error"]["code"] == -32602
    assert json.loads(profile["result"]["content"][0]["text"])["username"] == keeper.person.username
    assert lacking["result"]["isError"] is True
    assert "note_id" in lacking["result"]["content"][0]["text"]
    assert missing["result"]["content"][0]["text"].startswith("backend HTTP 404: ")
    assert json.loads(made["result"]["content"][0]["text"])["title"] == "Über stdio"
    assert keeper.call("list_notes", query="über stdio")["total"] == 1


def test_every_tool_reaches_the_rest_api(keeper: Keeper) -> None:
    note = keeper.call("create_note", title="By REST", content="# A\n\nwords\n\n# B\n\nmore")
    number = note["id"]
    version = keeper.call("snapshot_note", note_id=number)["version_id"]
    course = keeper.call("create_course", title="Course")["id"]
    event = keeper.call("create_event", title="Event", event_date="2031-05-06")["id"]
    feed = keeper.call("create_calendar_feed", title="Feed")["id"]
    session = keeper.call("create_note_session", note_id=number)["id"]
    deleted = keeper.call("create_note", title="Deleted")["id"]
    keeper.call("delete_note", note_id=deleted)
    sent = keeper.http.post(
        f"/api/v1/notes/{number}/attachments/", files={"file": ("a.txt", b"a", "text/plain")}, headers=keeper.person.headers
    ).json()["id"]
    calls: dict[str, dict[str, Any]] = {
        "get_profile": {},
        "update_profile": {"motto": "Read"},
        "list_notes": {"query": "REST", "limit": 5},
        "get_note": {"note_id": number},
        "create_note": {},
        "update_note": {"note_id": number, "course_id": None},
        "patch_note": {"note_id": number, "heading": "A", "insert": "inserted"},
        "delete_note": {"note_id": deleted},
        "search_notes": {"query": "REST", "scope": "all"},
        "get_note_by_uuid": {"uuid": note["uuid"]},
        "get_note_outline": {"note_id": number},
        "get_note_section": {"note_id": number, "heading": "B"},
        "list_note_versions": {"note_id": number},
        "snapshot_note": {"note_id": number, "reason": "stdio"},
        "restore_note_version": {"note_id": number, "version_id": version},
        "diff_note_versions": {"note_id": number, "from_version": version},
        "read_note_at": {"note_id": number, "at": "2099-01-01T00:00:00Z"},
        "list_attachments": {"note_id": number},
        "delete_attachment": {"note_id": number, "attachment_id": sent},
        "list_deleted_notes": {},
        "restore_deleted_note": {"note_id": deleted},
        "list_recycle_bin": {"kind": "course"},
        "restore_deleted": {"kind": "event", "id": event},
        "empty_recycle_bin": {},
        "list_changes": {"limit": 2},
        "undo_last_change": {},
        "list_courses": {},
        "get_course": {"course_id": course},
        "create_course": {"title": "Another"},
        "update_course": {"course_id": course, "icon": None},
        "list_course_notes": {"course_id": course},
        "reorder_courses": {"course_ids": [course]},
        "subscribe_course": {"course_id": course},
        "unsubscribe_course": {"course_id": course},
        "delete_course": {"course_id": course},
        "get_heatmap": {},
        "get_recent_activity": {},
        "get_activity": {"limit": 1},
        "get_activity_week": {"start_date": "2031-05-05", "days": 3},
        "list_note_sessions": {"note_id": number},
        "create_note_session": {"note_id": number},
        "end_note_session": {"session_id": session},
        "list_events": {"include_completed": True},
        "create_event": {"title": "New", "event_date": "2031-05-06"},
        "update_event": {"event_id": event, "is_completed": True},
        "delete_event": {"event_id": event},
        "list_calendar_feeds": {},
        "create_calendar_feed": {"title": "New"},
        "update_calendar_feed": {"feed_id": feed, "is_enabled": False},
        "delete_calendar_feed": {"feed_id": feed},
    }
    assert set(calls) == {one.name for one in ALL_TOOLS}
    calls["delete_note"], calls["restore_deleted_note"] = {"note_id": calls["get_note"]["note_id"]}, {"note_id": number}
    last = ["delete_note", "restore_deleted_note", "restore_deleted", "undo_last_change"]
    order = [*(name for name in calls if name not in last), *last]
    replies = exchange(keeper, *(tool(name, name, **calls[name]) for name in order))
    failed = {reply["id"]: reply for reply in replies if "error" in reply or reply["result"].get("isError")}
    assert not failed
    values = {reply["id"]: json.loads(reply["result"]["content"][0]["text"]) for reply in replies}
    assert values["delete_event"] == {"deleted": True, "event_id": event}
    assert values["unsubscribe_course"] == {"unsubscribed": True, "course_id": course}
    assert "inserted" in values["patch_note"]["content"]
    assert [heading["heading"] for heading in values["get_note_outline"]["headings"]] == ["A", "B"]
    assert len(values["get_activity"]["results"]) == 1
    assert values["get_activity"]["next_cursor"] == "at-1"
    assert values["update_profile"] == {"updated": True}


def test_publishing_needs_the_permission_over_rest_as_well(keeper: Keeper) -> None:
    note = keeper.rest("POST", "notes/", {"title": "Was public", "is_public": True})
    keeper.rest("PATCH", f"notes/{note['id']}/", {"is_public": False})
    change = keeper.call("list_changes", limit=1)["changes"][0]["id"]
    calls = [
        tool(1, "create_note", title="x", is_public=True),
        tool(2, "update_note", note_id=note["id"], is_public=True),
        tool(3, "undo_last_change", change_id=change),
    ]
    for reply in exchange(keeper, *calls):
        assert "assistants_may_share" in reply["result"]["content"][0]["text"]
    assert keeper.call("get_note", note_id=note["id"])["is_public"] is False
    keeper.allow_sharing()
    published = exchange(keeper, calls[1])[0]["result"]
    assert json.loads(published["content"][0]["text"])["is_public"] is True


def test_undoing_over_rest_leaves_alone_what_the_user_did(keeper: Keeper) -> None:
    note = keeper.rest("POST", "notes/", {"title": "By the user"})
    (refused,) = exchange(keeper, tool(1, "undo_last_change"))
    assert refused["result"]["isError"] is True
    made, undone = exchange(keeper, tool(1, "update_note", note_id=note["id"], title="By the assistant"), tool(2, "undo_last_change"))
    assert "isError" not in made["result"]
    assert "isError" not in undone["result"]
    assert keeper.call("get_note", note_id=note["id"])["title"] == "By the user"


def test_versions_and_dry_runs_hold_over_rest(keeper: Keeper) -> None:
    note = keeper.rest("POST", "notes/", {"title": "Seen"})
    keeper.rest("PATCH", f"notes/{note['id']}/", {"title": "Changed"})
    stale, dry = exchange(
        keeper,
        tool(1, "update_note", note_id=note["id"], title="Lost", expected_version=note["last_edit"]),
        tool(2, "delete_note", note_id=note["id"], dry_run=True),
    )
    assert "Changed meanwhile" in stale["result"]["content"][0]["text"]
    assert json.loads(dry["result"]["content"][0]["text"])["would_change"]["title"] == "Changed"
    assert keeper.call("get_note", note_id=note["id"])["title"] == "Changed"


def test_check_tells_whom_the_key_belongs_to(keeper: Keeper) -> None:
    done = run(keeper, "check")
    assert done.returncode == 0
    assert done.stdout.strip() == f"{str(keeper.http.base_url).rstrip('/')}/api/v1  {keeper.person.username}"
    wrong = run(keeper, "check", NOTECHONDRIA_API_KEY="ntc_" + "0" * 32)
    assert wrong.returncode == 1
    assert "backend HTTP 401" in wrong.stderr
    away = run(keeper, "check", NOTECHONDRIA_API_URL="http://127.0.0.1:9")
    assert away.returncode == 1
    assert "backend HTTP 0" in away.stderr


@pytest.mark.parametrize("command", ["serve", "check", "batch"])
def test_without_a_key_nothing_begins(command: str) -> None:
    done = run(None, command, given="x\n")
    assert (done.returncode, done.stdout) == (2, "")
    assert "NOTECHONDRIA_API_KEY" in done.stderr
    assert "config.json" in done.stderr


@pytest.mark.parametrize("command", ["serve", "check"])
@pytest.mark.parametrize("key", ["“ntc_ab”", "ntc_ab\ncd", "ntc_ab cd"])
def test_what_cannot_be_a_key_is_refused_without_being_shown(command: str, key: str, tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"api_key": key}))
    for done in (run(None, command, NOTECHONDRIA_API_KEY=key), run(None, command, NOTECHONDRIA_CONFIG=str(path))):
        assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
        assert "no API key" in done.stderr
        assert "ntc_ab" not in done.stderr


def test_the_configuration_file_is_read(keeper: Keeper, tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"api_url": f"{keeper.http.base_url}/api", "api_key": keeper.key}))
    assert run(None, "check", NOTECHONDRIA_CONFIG=str(path)).returncode == 0
    path.write_text("[]")
    assert run(None, "check", NOTECHONDRIA_CONFIG=str(path)).returncode == 2


def test_a_key_in_the_environment_needs_no_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000)
    assert configured(ClientSettings(api_key=SecretStr("ntc_1"), api_url="https://x.example")).key == "ntc_1"


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("https://x.example", "https://x.example/api/v1"),
        (" https://x.example/ ", "https://x.example/api/v1"),
        ("https://x.example/api", "https://x.example/api/v1"),
        ("https://x.example/api/v1/", "https://x.example/api/v1"),
        ("https://x.example/notes", "https://x.example/notes/api/v1"),
    ],
)
def test_addresses(given: str, url: str) -> None:
    assert api_url(given) == url


def test_batches(keeper: Keeper, tmp_path: Path) -> None:
    lines = [
        "# a comment",
        "",
        json.dumps({"tool": "create_note", "arguments": {"title": "Batched"}}),
        "{nonsense",
        json.dumps({"arguments": {}}),
        json.dumps({"tool": "x"}),
        json.dumps({"tool": "get_note", "arguments": {}}),
    ]
    done = run(keeper, "batch", given="\n".join(lines))
    assert done.returncode == 1
    reports = [json.loads(line) for line in done.stdout.splitlines()]
    assert [report["line"] for report in reports] == [3, 4, 5, 6, 7]
    assert (reports[0]["ok"], reports[0]["result"]["title"]) == (True, "Batched")
    for report, text in zip(reports[1:], ["invalid JSON", "missing 'tool'", "unknown tool: x", "note_id"], strict=True):
        assert report["ok"] is False
        assert text in report["error"]
    file = tmp_path / "calls.jsonl"
    file.write_text(lines[2])
    assert run(keeper, "batch", str(file)).returncode == 0
    file.write_text("\n".join(lines))
    stopped = run(keeper, "batch", str(file), "--stop-on-error")
    assert (stopped.returncode, len(stopped.stdout.splitlines())) == (2, 2)
    file.write_text("\n".join(lines[5:]))
    assert run(keeper, "batch", str(file), "--stop-on-error").returncode == 1
    assert run(keeper, "batch", str(tmp_path / "missing")).returncode == 2


def test_the_page_about_the_tools_is_up_to_date() -> None:
    assert run(None, "tools").stdout == (ROOT / "docs" / "mcp-tools.md").read_text()
