"""The same server, people and notes as the tests of courses have."""

from tests.courses.conftest import inbox, make_course, make_note, mira, noah, server

__all__ = ["inbox", "make_course", "make_note", "mira", "noah", "server", "services", "site"]

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from settings import load_settings
from wiring import Services, build_services, prepare


@pytest.fixture(scope="module")
def services(module_database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Services:
    """With a data folder of its own, room for 60 MB of files per account, and bins that keep things for 30 days."""
    folder: Path = tmp_path_factory.mktemp("data")
    settings = load_settings(database_url=module_database_url, data_dir=folder, attachments_quota_mb=60, bin_retention_days=30)
    prepare(settings)
    return build_services(settings)


@pytest.fixture(scope="module")
def site(server: httpx.Client) -> Iterator[httpx.Client]:
    """A client without a prefix, as browsers fetch media."""
    with httpx.Client(base_url=str(server.base_url).removesuffix("/api/v1/"), timeout=30) as client:
        yield client
