"""Reactors: at least once, in order, parked by stream, waiting while the world is away, taken over."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import pytest

from eventstore.codec import Recorded
from eventstore.events import sessions
from eventstore.reader import LogRow
from projections.loops import LogHead, connect
from projections.parking import waiting_rows
from reactors.following import Periodic, Reactor, ReactorLoop, TryLater, loop_for, register, retry_reactor
from tests.replay.probes import SEEN, started
from tests.replay.store import Store, running
from tests.running.server import eventually


class World:
    """What the reactor acts upon."""

    def __init__(self) -> None:
        self.done: list[tuple[str, int]] = []
        self.away = False
        self.refused = ""

    def react(self, recorded: Recorded, services: Any) -> None:
        event = recorded.event
        if self.away:
            raise TryLater("the world is away")
        if event.originator_id == self.refused:
            raise ValueError("not this one")
        self.done.append((event.originator_id, event.originator_version))


def reactor_for(world: World) -> Reactor[Any]:
    return Reactor("world", (sessions.SessionSeen,), world.react)


REACHED = "SELECT position = (SELECT max(position) FROM log.events) FROM log.reactors WHERE name = 'world'"


def test_reacts_to_what_comes_after_its_registration_only(store: Store) -> None:
    world = World()
    store.append("session-1", started(), SEEN)
    with store.pool.connection() as connection:
        register(connection, [reactor_for(world)])
    store.append("session-1", SEEN, SEEN)
    head = LogHead(store.conninfo)
    with running(head, loop_for(reactor_for(world), None, store.conninfo, head)):
        store.wait_until(REACHED)
    assert world.done == [("session-1", 3), ("session-1", 4)]


def test_nothing_is_lost_while_the_world_is_away(store: Store) -> None:
    world = World()
    with store.pool.connection() as connection:
        register(connection, [reactor_for(world)])
    world.away = True
    store.append("session-1", started(), SEEN)
    head = LogHead(store.conninfo)
    loop = loop_for(reactor_for(world), None, store.conninfo, head)
    with running(head, loop):
        while loop._failures < 2:
            threading.Event().wait(0.01)
        assert store.value("SELECT position FROM log.reactors WHERE name = 'world'") < 2
        world.away = False
        store.wait_until(REACHED)
    assert world.done == [("session-1", 2)]
    assert store.rows("SELECT * FROM log.parked_streams") == []


def test_refused_event_parks_its_stream_and_can_be_retried(store: Store) -> None:
    world = World()
    world.refused = "session-1"
    reactor = reactor_for(world)
    with store.pool.connection() as connection:
        register(connection, [reactor])
        store.append("session-1", started(), SEEN)
        store.append("session-2", started(number=2), SEEN)
        store.append("session-1", SEEN)
        head = LogHead(store.conninfo)
        loop = ReactorLoop(reactor, None, store.conninfo, head)
        with running(head, loop):
            store.wait_until(REACHED)
        assert world.done == [("session-2", 2)]
        assert retry_reactor(connection, reactor, None)[0] == []
        world.refused = ""
        assert retry_reactor(connection, reactor, None) == (["session-1"], [])
    assert world.done == [("session-2", 2), ("session-1", 2), ("session-1", 3)]


def test_much_that_waits_is_retried_piece_by_piece(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[int] = []

    def counted(*asked: Any) -> Sequence[LogRow]:
        rows = waiting_rows(*asked)
        taken.append(len(rows))
        return rows

    monkeypatch.setattr("reactors.following.PAGE", 2)
    monkeypatch.setattr("reactors.following.waiting_rows", counted)
    world = World()
    world.refused = "session-1"
    reactor = Reactor("world", (sessions.SessionSeen,), world.react)
    with store.pool.connection() as connection:
        register(connection, [reactor])
        store.append("session-1", started(), *[SEEN] * 4)
        head = LogHead(store.conninfo)
        with running(head, ReactorLoop(reactor, None, store.conninfo, head)):
            store.wait_until(REACHED)
        world.refused = ""
        assert retry_reactor(connection, reactor, None) == (["session-1"], [])
    assert (taken, world.done) == ([2, 2, 0], [("session-1", version) for version in range(2, 6)])


def test_event_that_comes_during_a_retry_is_reacted_to(store: Store) -> None:
    world = World()
    world.refused = "session-1"

    def react(recorded: Recorded, services: Any) -> None:
        world.react(recorded, services)
        if recorded.event.originator_version == 2:
            # The loop steps over this one, since its stream still waits.
            store.append("session-1", SEEN)
            store.wait_until(REACHED)

    reactor = Reactor("world", (sessions.SessionSeen,), react)
    with store.pool.connection() as connection:
        register(connection, [reactor])
        store.append("session-1", started(), SEEN)
        head = LogHead(store.conninfo)
        with running(head, ReactorLoop(reactor, None, store.conninfo, head)):
            store.wait_until(REACHED)
            world.refused = ""
            assert retry_reactor(connection, reactor, None) == (["session-1"], [])
            store.append("session-1", SEEN)
            store.wait_until(REACHED)
    assert world.done == [("session-1", version) for version in (2, 3, 4)]


def test_periodic_acts_in_one_process_at_a_time(store: Store) -> None:
    acts = []
    periodic: Periodic[Any] = Periodic("sweep", timedelta(milliseconds=10), lambda services: acts.append(threading.current_thread()))
    head = LogHead(store.conninfo)
    with running(loop_for(periodic, None, store.conninfo, head), loop_for(periodic, None, store.conninfo, head)):
        store.wait_until("SELECT count(*) = 1 FROM log.reactors WHERE name = 'sweep'")
        while len(acts) < 5:
            threading.Event().wait(0.01)
        # It is never behind: what it looks at is how things are now.
        store.append("session-1", started(), SEEN)
        store.wait_until(REACHED.replace("world", "sweep"))
    assert len(set(acts)) == 1


def test_periodic_may_wait_before_it_acts_for_the_first_time(store: Store) -> None:
    acts: list[Any] = []
    head = LogHead(store.conninfo)
    loop = loop_for(Periodic("late", timedelta(hours=6), acts.append, timedelta(minutes=10)), None, store.conninfo, head)
    with connect(store.conninfo, "late") as loop.connection:
        loop.start()
        assert loop.step() == 0
    assert acts == []


def test_periodic_is_well_and_can_be_stopped_between_the_pieces_of_what_takes_long(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("projections.loops.HEARTBEAT_S", 0.0)
    acts: list[Any] = []

    def act(_services: Any) -> Iterator[None]:
        acts.append([])
        while True:
            acts[-1].append(store.value("SELECT max(ticked_at) FROM log.reactors WHERE name = 'long'"))
            yield

    head = LogHead(store.conninfo)
    with running(loop_for(Periodic("long", timedelta(hours=1), act), None, store.conninfo, head)):
        eventually(lambda: bool(acts) and len(acts[0]) >= 4)
    [ticks] = acts
    assert ticks == sorted(set(ticks))


def test_periodic_begins_anew_after_a_piece_that_failed(store: Store) -> None:
    acts: list[str] = []

    def act(_services: Any) -> Iterator[None]:
        acts.append("began")
        yield
        if len(acts) == 1:
            raise ValueError
        acts.append("ended")

    head = LogHead(store.conninfo)
    with running(loop_for(Periodic("torn", timedelta(hours=1), act), None, store.conninfo, head)):
        eventually(lambda: "ended" in acts)
    assert acts == ["began", "began", "ended"]
