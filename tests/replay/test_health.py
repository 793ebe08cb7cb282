"""Health is measured, not assumed."""

from __future__ import annotations

import asyncio

from eventstore.database import async_pool
from projections.following import Follower
from projections.health import Health, health
from projections.loops import LogHead
from reactors.following import Reactor, register
from tests.replay.probes import SEEN, Uses, started
from tests.replay.store import Store, running


def measured(conninfo: str) -> Health:
    async def ask() -> Health:
        async with async_pool(conninfo, size=1, name="test-health") as pool:
            return await health(pool)

    return asyncio.run(ask())


def test_living_follower_is_well(store: Store, uses: Uses) -> None:
    store.append("session-1", started(), SEEN)
    head = LogHead(store.conninfo)
    with running(head, Follower(uses, store.conninfo, head)):
        store.wait_until("SELECT position = 2 FROM log.projections WHERE name = 'uses'")
        found = measured(store.conninfo)
    follower = next(f for f in found.followers if f.name == "uses")
    assert found.well
    assert (found.head, follower.lag, follower.parked) == (2, 0, 0)


def test_dead_follower_is_not_well_even_without_lag(store: Store, uses: Uses) -> None:
    store.append("session-1", started(), SEEN)
    store.rows("UPDATE log.projections SET position = 2, ticked_at = now() - interval '31 seconds' WHERE name = 'uses'")
    found = measured(store.conninfo)
    assert found.ready
    assert not found.well


def test_lag_is_measured_at_the_head(store: Store, uses: Uses) -> None:
    store.append("session-1", started(), SEEN, SEEN)
    assert next(f for f in measured(store.conninfo).followers if f.name == "uses").lag == 3


def test_parked_stream_is_not_well(store: Store, uses: Uses) -> None:
    store.rows("INSERT INTO log.parked_streams (projection, stream, position, error) VALUES ('uses', 'session-1', 1, 'no')")
    assert not measured(store.conninfo).well


def test_silent_reactor_is_not_well(store: Store) -> None:
    reactor: Reactor[None] = Reactor("mail", (), lambda recorded, services: None)
    with store.pool.connection() as connection:
        register(connection, [reactor])
    assert measured(store.conninfo).well
    store.rows("UPDATE log.reactors SET ticked_at = now() - interval '1 hour'")
    assert not measured(store.conninfo).well


def test_database_that_is_away_is_not_ready() -> None:
    found = measured("postgresql://nobody@127.0.0.1:1/none")
    assert not found.ready
    assert not found.well
