"""One embedded PostgreSQL for the whole run, a fresh database from it for whoever asks, and the product's door over one."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Generator, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import hypothesis
import psycopg
import pytest

from api.app import Door, area_routes
from cli.stopping import SIGNALS
from eventstore import embedded
from settings import Settings, embedded_conninfo, load_settings
from tests.accounts.people import Person, make_person
from tests.door.serving import serving
from tests.running.folders import new_folder, used_folder
from tests.running.server import Running
from tests.verifying import assert_no_secrets, secrets_in, verify_database
from wiring import Services, build_services, prepare

# Tests ask faster than people do; those about limits switch them on.
os.environ["NOTECHONDRIA_RATE_LIMITS"] = "off"
# The programs that tests start by the dozen keep what they compiled: compiling takes them as long as everything else.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# How long an example takes is the machine's business.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

_numbers = count(1)


@pytest.fixture(autouse=True)
def _log_as_it_was() -> Iterator[None]:
    """Commands that run in this process set logging up for a terminal that is gone after their test."""
    loggers = [logging.getLogger(name) for name in ("", "notechondria.access")]
    before = [(logger.level, logger.propagate, list(logger.handlers)) for logger in loggers]
    yield
    for logger, (level, propagate, handlers) in zip(loggers, before, strict=True):
        logger.setLevel(level)
        logger.propagate = propagate
        logger.handlers[:] = handlers


@pytest.fixture(autouse=True)
def _signals_as_they_were() -> Iterator[None]:
    """Commands that run in this process leave them as suits the end of theirs."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fails a test during which a password or a key was logged, whatever the test is about."""
    report = yield
    logged = [line for name, text in report.sections if "log" in name or "stderr" in name for line in secrets_in(text)]
    if logged and report.passed:
        report.outcome = "failed"
        report.longrepr = "secrets were logged:\n" + "\n".join(logged)
    return report


@pytest.fixture(scope="session")
def postgres_folder() -> Iterator[Path]:
    """Data folder of the run's PostgreSQL."""
    with new_folder() as folder:
        embedded.ensure_running(folder)
        with psycopg.connect(embedded_conninfo(folder, "postgres"), autocommit=True) as connection:
            # Nobody pulls the plug of this one, so nothing has to be on the disk. Tests of crashes start another.
            for setting in ("fsync", "full_page_writes"):
                connection.execute(f"ALTER SYSTEM SET {setting} = off")
            connection.execute("SELECT pg_reload_conf()")
        yield folder


@pytest.fixture(scope="session")
def served_folder() -> Iterator[Path]:
    """The data folder of a server that was started for the first time, and ended. Tests start theirs in copies of it."""
    with new_folder() as folder:
        Running(folder).end()
        yield folder


@pytest.fixture
def server_folder(served_folder: Path) -> Iterator[Path]:
    """Data folder of a server that may be killed."""
    with used_folder(served_folder) as folder:
        yield folder


@pytest.fixture(scope="session")
def postgres_url(postgres_folder: Path) -> str:
    """Address of the run's PostgreSQL, at its maintenance database."""
    return embedded_conninfo(postgres_folder, "postgres")


def _fresh_database(folder: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    name = f"test_{next(_numbers)}"
    admin = embedded_conninfo(folder, "postgres")
    with psycopg.connect(admin, autocommit=True) as connection:
        # FILE_COPY makes a checkpoint each time; WAL_LOG is faster for an empty template.
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template0 STRATEGY wal_log")
    try:
        yield embedded_conninfo(folder, name)
        if request.node.get_closest_marker("falsifies") is None:
            verify_database(embedded_conninfo(folder, name))
    finally:
        with psycopg.connect(admin, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.fixture
def database_url(postgres_folder: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """An empty database for one test. Ends by verifying the read models in it, unless the test is marked `falsifies`."""
    yield from _fresh_database(postgres_folder, request)


@pytest.fixture(scope="module")
def module_database_url(postgres_folder: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """An empty database that the tests of one module share; verified like the others when the module ends, and searched for secrets."""
    for url in _fresh_database(postgres_folder, request):
        yield url
        assert_no_secrets(url)


@pytest.fixture(scope="module")
def chosen() -> dict[str, Any]:
    """What a folder of tests sets otherwise than a new server; overridden there."""
    return {}


@pytest.fixture(scope="module")
def settings(module_database_url: str, tmp_path_factory: pytest.TempPathFactory, chosen: dict[str, Any]) -> Settings:
    """Settings of the server under test, with a database and a data folder that the tests of a module share."""
    return load_settings(database_url=module_database_url, data_dir=tmp_path_factory.mktemp("data"), **chosen)


@pytest.fixture(scope="module")
def services(settings: Settings) -> Services:
    """What stands behind the door."""
    prepare(settings)
    return build_services(settings)


@pytest.fixture(scope="module")
def door(services: Services) -> Iterator[httpx.Client]:
    """A client of the running server that has not signed in."""
    with serving(Door(services, area_routes())) as client:
        yield client


@pytest.fixture
def person(door: httpx.Client, services: Services) -> Person:
    """Somebody who is signed in."""
    return make_person(services)
