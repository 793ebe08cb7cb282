"""Without its database the service says so, and goes on by itself when it is back."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.app import Door, mount
from eventstore import embedded
from settings import embedded_conninfo, load_settings
from tests.door.people import sign_up
from tests.door.routes import PREFIX, ROUTES
from tests.door.serving import serving
from wiring import build_services, prepare


@pytest.fixture
def own_postgres() -> Iterator[Path]:
    """The data folder of a PostgreSQL that this test may stop."""
    folder = Path(tempfile.mkdtemp(prefix="ntc-"))
    try:
        embedded.ensure_running(folder)
        yield folder
    finally:
        embedded.stop(folder)
        shutil.rmtree(folder, ignore_errors=True)


def test_tries_to_connect_do_not_become_ever_rarer(own_postgres: Path) -> None:
    settings = load_settings(database_url=embedded_conninfo(own_postgres))
    prepare(settings)
    services = build_services(settings)
    for pool in (services.loop_pool, services.thread_pool):
        assert pool.reconnect_timeout <= pool.timeout


def test_an_outage_is_told_and_survived(own_postgres: Path) -> None:
    settings = load_settings(database_url=embedded_conninfo(own_postgres))
    prepare(settings)
    services = build_services(settings)
    with serving(Door(services, mount(ROUTES, PREFIX, "test"))) as client:
        headers = sign_up(services).headers

        def statuses() -> list[int]:
            read = client.get(f"{PREFIX}/me/", headers=headers)
            write = client.post(f"{PREFIX}/command/", headers=headers)
            return [read.status_code, write.status_code]

        assert statuses() == [200, 201]
        embedded.stop(own_postgres)
        assert statuses() == [503, 503]
        told = client.get(f"{PREFIX}/me/", headers={**headers, "Origin": "http://localhost:9060"})
        assert told.json() == {"detail": "The database cannot be reached at the moment. Please try again in a few seconds."}
        assert int(told.headers["Retry-After"]) > 0
        assert told.headers["Access-Control-Allow-Origin"] == "http://localhost:9060"
        assert client.get(f"{PREFIX}/ignored/").status_code == 200
        embedded.ensure_running(own_postgres)
        limit = time.monotonic() + 60
        while statuses() != [200, 201]:
            assert time.monotonic() < limit, "the service did not recover"
            time.sleep(0.2)
