"""Who is told of a change, and until when (contract: mcp 12.5, 12.8)."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any

import httpx
import psycopg
import pytest
from mcp import MCPError
from psycopg import Connection
from psycopg.rows import TupleRow

from api.middleware import requests
from commands.context import Context
from commands.courses.commands import ChangeCourse, change_course
from commands.note_sessions.commands import close_dangling_session
from commands.notes.commands import ChangeNote, change_note
from eventstore.reader import LogReader, LogRow, newest_positions
from mcp_server import listening
from tests.mcp.people import Keeper
from tests.mcp.test_clients import connected
from tests.mcp.test_running import LISTEN, told
from wiring import Services

WEEK = "notechondria://week/2031-05-05"
SYSTEM = Context(actor=None, channel="system")


async def heard_of(who: Keeper, uris: list[str], into: list[str], ready: asyncio.Event) -> None:
    """Listens, and writes down which addresses were told of."""
    async with connected(who) as client, client.listen(resource_subscriptions=uris, resources_list_changed=True) as stream:
        ready.set()
        async for event in stream:
            into.append(getattr(event, "uri", "list"))  # noqa: PERF401 - each as it comes


async def while_listening(people: list[Keeper], uris: list[str], act: Callable[[], Any], awaited: set[str]) -> list[list[str]]:
    """What each was told of while something was done, once the first one was told of all that is awaited."""
    heard: list[list[str]] = [[] for _ in people]
    ready = [asyncio.Event() for _ in people]
    tasks = [asyncio.create_task(heard_of(*one)) for one in zip(people, [uris] * len(people), heard, ready, strict=True)]
    try:
        await asyncio.wait_for(asyncio.gather(*(one.wait() for one in ready)), 20)
        # What was written before may still be told, such as that an account of this test was opened.
        await asyncio.sleep(3 * listening.PAUSE_S)
        for one in heard:
            one.clear()
        await asyncio.to_thread(act)
        for _ in range(200):
            if set(heard[0]) >= awaited:
                break
            await asyncio.sleep(0.05)
        await asyncio.sleep(2 * listening.PAUSE_S)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return heard


@pytest.fixture
def slow_log(services: Services) -> Iterator[Callable[[str], Awaitable[None]]]:
    """Holds up whoever reads the log, and meanwhile does something to the database."""
    with ExitStack() as stack:
        connection = stack.enter_context(services.thread_pool.connection())
        transaction = connection.transaction()
        transaction.__enter__()
        connection.execute("LOCK TABLE log.events IN ACCESS EXCLUSIVE MODE")
        done = []

        async def go_on(statement: str) -> None:
            await asyncio.to_thread(connection.execute, statement)
            await asyncio.to_thread(transaction.__exit__, None, None, None)
            done.append(True)

        yield go_on
        if not done:
            transaction.__exit__(None, None, None)


async def test_a_key_that_was_replaced_while_listening_began_hears_nothing(
    keeper: Keeper, services: Services, slow_log: Callable[[str], Awaitable[None]]
) -> None:
    """As if it had been rotated between being admitted and the log being followed. The first test: nobody follows the log before."""
    account = keeper.person.account_id

    async def listen() -> str:
        async with connected(keeper) as client:
            try:
                async with client.listen(resource_subscriptions=[WEEK]):
                    return "listening"
            except MCPError as refused:
                return refused.error.message

    def change(digest: str) -> str:
        return f"UPDATE accounts.accounts SET api_key_digest = {digest}(api_key_digest) WHERE id = {account}"

    task = asyncio.create_task(listen())
    deadline = time.monotonic() + 20
    while not await asyncio.to_thread(_is_waiting, services):
        assert time.monotonic() < deadline, task
        await asyncio.sleep(0.05)
    try:
        await slow_log(change("reverse"))
        assert await asyncio.wait_for(task, 20) == listening.KEY_CHANGED
    finally:
        with services.thread_pool.connection() as connection:
            connection.execute(change("reverse"))


def _is_waiting(services: Services) -> bool:
    with services.thread_pool.connection() as connection:
        found = connection.execute("SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'log.events'::regclass").fetchone()
    return found is not None


async def test_the_owner_is_told_of_what_the_system_did_and_nobody_else(keeper: Keeper, other: Keeper, services: Services) -> None:
    note = keeper.call("create_note", title="Watched")["id"]
    course = keeper.call("create_course", title="Watched")["id"]
    session = keeper.call("create_note_session", note_id=note)["id"]
    uris = [f"notechondria://notes/{note}", f"notechondria://courses/{course}", WEEK, "notechondria://heatmap"]
    account = keeper.person.account_id

    def by_the_system() -> None:
        run = services.commands.run
        run(lambda work: change_note(work, account, note, ChangeNote(content="changed")), SYSTEM)
        run(lambda work: change_course(work, account, course, ChangeCourse(description="changed")), SYSTEM)
        run(lambda work: close_dangling_session(work, session), SYSTEM)

    told, overheard = await while_listening([keeper, other], uris, by_the_system, set(uris))
    assert set(told) == set(uris)
    assert overheard == []

    # Somebody else acts on the owner's plan, as an operator may: that one hears nothing of it.
    def by_another() -> None:
        context = Context(actor=other.person.account_id, channel="cli")
        services.commands.run(lambda work: change_note(work, account, note, ChangeNote(title="Renamed")), context)

    told, overheard = await while_listening([keeper, other], uris, by_another, {uris[0], "list"})
    assert {uris[0], "list"} <= set(told)
    assert overheard == []


async def test_a_rotation_ends_the_streams_of_the_old_key_and_not_those_of_the_new_one(keeper: Keeper, door: httpx.Client) -> None:
    """Also when the new one is quicker than the notice of the change."""
    uri = f"notechondria://notes/{keeper.call('create_note', title='Watched')['id']}"
    old, fresh = asyncio.Event(), asyncio.Event()
    heard: list[str] = []
    first = asyncio.create_task(heard_of(keeper, [uri], [], old))
    await asyncio.wait_for(old.wait(), 20)
    key = (await asyncio.to_thread(keeper.rest, "POST", "auth/rotate-api-key/"))["api_key"]
    second = asyncio.create_task(heard_of(Keeper(keeper.person, key, door), [uri], heard, fresh))
    try:
        await asyncio.wait_for(asyncio.gather(first, fresh.wait(), return_exceptions=True), 20)
        await asyncio.to_thread(keeper.rest, "PATCH", uri.replace("notechondria://", "") + "/", {"content": "new"})
        for _ in range(200):
            if uri in heard:
                break
            await asyncio.sleep(0.05)
        assert uri in heard
    finally:
        second.cancel()
        await asyncio.gather(second, return_exceptions=True)


def test_a_stream_is_not_slow_for_lasting(keeper: Keeper, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    passed = [0.0]
    monkeypatch.setattr(requests, "perf_counter", lambda: time.perf_counter() + passed[0])
    headers = {**keeper.headers, "MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "subscriptions/listen"}
    with caplog.at_level(logging.INFO, "notechondria.access"):
        with keeper.http.stream("POST", "/mcp/", json=LISTEN, headers=headers) as stream:
            assert told(stream.iter_lines()) == "notifications/subscriptions/acknowledged"
            passed[0] = 3600.0
        for _ in range(400):
            if lines := [record for record in caplog.records if record.name == "notechondria.access"]:
                break
            time.sleep(0.05)
    assert [line.__dict__["milliseconds"] < 3_600_000 for line in lines] == [True]


async def test_a_note_that_is_purged_is_told_to_who_did_it(keeper: Keeper, other: Keeper) -> None:
    note = keeper.call("create_note", title="Doomed")["id"]
    keeper.call("delete_note", note_id=note)
    uri = f"notechondria://notes/{note}"
    told, overheard = await while_listening([keeper, other], [uri], lambda: keeper.call("empty_recycle_bin"), {uri, "list"})
    assert {uri, "list"} <= set(told)
    assert overheard == []


@pytest.mark.parametrize("error", [psycopg.OperationalError("the server is gone"), ValueError("a bug")])
async def test_after_an_error_it_goes_on_also_where_the_log_was_set_back(
    keeper: Keeper, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    note = keeper.call("create_note", title="Watched")["id"]
    uri = f"notechondria://notes/{note}"
    # No earlier test's follower goes on.
    await asyncio.sleep(3 * listening.PAUSE_S)
    far_ahead, failures = [[10**9]], [error]
    read = LogReader.read

    def newest(connection: Connection[TupleRow], limit: int) -> Sequence[int]:
        return far_ahead.pop() if far_ahead else newest_positions(connection, limit)

    def failing(reader: LogReader, after: int, limit: int) -> Sequence[LogRow]:
        if failures:
            raise failures.pop()
        return read(reader, after, limit)

    monkeypatch.setattr(listening, "newest_positions", newest)
    monkeypatch.setattr(LogReader, "read", failing)
    [told] = await while_listening([keeper], [uri], lambda: keeper.call("update_note", note_id=note, title="Renamed"), {uri})
    assert (far_ahead, failures) == ([], [])
    assert uri in told


async def test_an_event_that_cannot_be_told_of_does_not_keep_the_others_back(keeper: Keeper, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = (keeper.call("create_note", title="Watched")["id"] for _ in range(2))
    uris = [f"notechondria://notes/{note}" for note in (first, second)]
    addresses = listening.changed

    def failing(stream: str) -> Iterable[str]:
        if stream == f"note-{first}":
            raise ValueError("a bug")
        return addresses(stream)

    def rename() -> None:
        for note in (first, second):
            keeper.call("update_note", note_id=note, title="Renamed")

    monkeypatch.setattr(listening, "changed", failing)
    [told] = await while_listening([keeper], uris, rename, {uris[1]})
    assert uris[1] in told


async def test_courses_are_told_of_with_the_notes_that_they_list(keeper: Keeper, other: Keeper) -> None:
    """With a new one, with one that leaves, and with one that comes; following a course changes how it is listed."""
    old, new = (keeper.call("create_course", title=title)["id"] for title in ("Old", "New"))
    uris = [f"notechondria://courses/{old}", f"notechondria://courses/{new}", "notechondria://courses"]
    note = 0

    def add() -> None:
        nonlocal note
        note = keeper.call("create_note", title="Listed", course_id=old)["id"]

    told, overheard = await while_listening([keeper, other], uris, add, {uris[0]})
    assert set(told) == {uris[0], "list"}
    assert overheard == []
    (told,) = await while_listening([keeper], uris, lambda: keeper.call("update_note", note_id=note, course_id=new), set(uris[:2]))
    assert set(told) == set(uris[:2])
    (told,) = await while_listening([keeper], uris, lambda: keeper.call("patch_note", note_id=note, append="x"), {uris[1]})
    assert set(told) == {uris[1]}
    told, overheard = await while_listening(
        [other, keeper], uris, lambda: other.call("subscribe_course", course_id=new), {uris[1], uris[2]}
    )
    assert set(told) == {uris[1], uris[2]}
    assert overheard == []


async def test_files_are_told_of(keeper: Keeper, other: Keeper) -> None:
    note = keeper.call("create_note", title="With a file")["id"]
    sent = keeper.http.post(
        f"/api/v1/notes/{note}/attachments/", files={"file": ("a.txt", b"a", "text/plain")}, headers=keeper.person.headers
    ).json()["id"]
    uri = f"notechondria://notes/{note}/attachments/{sent}"
    for tool, arguments in (("delete_attachment", {"note_id": note, "attachment_id": sent}), ("undo_last_change", {})):
        told, overheard = await while_listening([keeper, other], [uri], lambda: keeper.call(tool, **arguments), {uri})  # noqa: B023
        assert uri in told
        assert overheard == []
