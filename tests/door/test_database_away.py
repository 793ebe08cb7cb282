"""Without its database the service says so, and goes on by itself when it is back."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
import structlog

from api.app import Door, area_routes, mount
from eventstore import embedded
from eventstore.database import CONNECT_TIMEOUT_S, sync_pool
from settings import embedded_conninfo, load_settings
from tests.accounts.people import make_person
from tests.door.people import sign_up
from tests.door.routes import PREFIX, ROUTES
from tests.door.serving import serving
from tests.running.folders import new_folder
from wiring import Services, build_services, prepare


@pytest.fixture(scope="module")
def own_postgres() -> Iterator[Path]:
    """The data folder of a PostgreSQL that these tests may stop, and start again."""
    with new_folder() as folder:
        embedded.ensure_running(folder)
        yield folder


def test_tries_to_connect_do_not_become_ever_rarer(services: Services) -> None:
    for pool in (services.loop_pool, services.thread_pool):
        assert pool.reconnect_timeout <= pool.timeout


def test_an_outage_is_told_and_survived(own_postgres: Path) -> None:
    settings = load_settings(database_url=embedded_conninfo(own_postgres))
    prepare(settings)
    services = build_services(settings)
    with serving(Door(services, [*area_routes(), *mount(ROUTES, PREFIX, "test")])) as client, ThreadPoolExecutor(2) as threads:
        headers = sign_up(services).headers

        def statuses() -> list[int]:
            read = threads.submit(client.get, f"{PREFIX}/me/", headers=headers)
            write = threads.submit(client.post, f"{PREFIX}/command/", headers=headers)
            return [read.result().status_code, write.result().status_code]

        assert statuses() == [200, 201]
        embedded.stop(own_postgres)
        assert statuses() == [503, 503]
        told = client.get(f"{PREFIX}/me/", headers={**headers, "Origin": "http://localhost:9060"})
        assert told.json() == {"detail": "The database cannot be reached at the moment. Please try again in a few seconds."}
        assert int(told.headers["Retry-After"]) > 0
        assert told.headers["Access-Control-Allow-Origin"] == "http://localhost:9060"
        assert client.get(f"{PREFIX}/ignored/").status_code == 200
        with structlog.testing.capture_logs() as logged:
            assert client.get(f"/calendar/{'0123abcd' * 6}.ics").status_code == 503
        [line] = [line for line in logged if line["event"] == "database unavailable"]
        # Who knows the address may read the calendar.
        assert line["path"] == "/calendar/…"
        embedded.ensure_running(own_postgres)
        limit = time.monotonic() + 60
        while statuses() != [200, 201]:
            assert time.monotonic() < limit, "the service did not recover"
            time.sleep(0.2)


def test_connections_that_the_server_closed_meanwhile_cost_no_request(own_postgres: Path) -> None:
    conninfo = embedded_conninfo(own_postgres)
    settings = load_settings(database_url=conninfo)
    prepare(settings)
    services = build_services(settings)
    with serving(Door(services, area_routes())) as client, ThreadPoolExecutor(16) as threads:
        headers = make_person(services).headers

        def ask(number: int) -> int:
            if number % 2:
                return client.get("/api/v1/notes/", headers=headers).status_code
            return client.post("/api/v1/notes/", headers=headers, json={"title": f"note {number}"}).status_code

        def at_once() -> set[int]:
            return set(threads.map(ask, range(32)))

        assert at_once() == {200, 201}
        with psycopg.connect(conninfo, autocommit=True) as connection:
            connection.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name LIKE 'notechondria-%'")
        assert at_once() == {200, 201}
        embedded.stop(own_postgres)
        embedded.ensure_running(own_postgres)
        # The first sign of life may be a login, which counts tries before it reads anything.
        assert client.post("/api/v1/auth/login/", json={"email": "nobody", "password": "wrong"}).status_code == 400
        assert at_once() == {200, 201}


def test_a_remote_server_that_vanished_is_given_up() -> None:
    pool = sync_pool("postgresql://db.example.org/notes?keepalives_idle=7", size=1, name="test")
    assert isinstance(pool.kwargs, dict)
    assert "keepalives_idle" not in pool.kwargs
    assert pool.kwargs["keepalives_count"] * pool.kwargs["keepalives_interval"] <= 60
    assert pool.kwargs["tcp_user_timeout"] <= 60_000
    assert pool.kwargs["connect_timeout"] <= CONNECT_TIMEOUT_S
