"""The whole described API under generated requests, signed in and anonymous: never a 5xx, and answers are as described.

NOTECHONDRIA_FUZZ_EXAMPLES says how many requests each route gets.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from api.app import Door, area_routes
from api.paths import segments
from settings import load_settings
from tests.accounts.people import Person, make_person
from tests.door.serving import serving
from tests.foreign.belongings import Belongings, make_belongings
from wiring import build_services, prepare

CHECKS = [content_type_conformance, response_headers_conformance, response_schema_conformance, status_code_conformance]
EXAMPLES = int(os.environ.get("NOTECHONDRIA_FUZZ_EXAMPLES", "3"))
ENDING = ("/auth/account/", "/auth/logout/", "/auth/change-password/", "/auth/change-email/")
"""Calls that would end the caller's session: they are made anonymously only."""
PROVIDERS = ("/auth/google/", "/auth/github/")
"""Not configured here, which is a 503."""
ROUTES = sorted({(route.declared.method, route.path) for route in area_routes()})


class Server(NamedTuple):
    client: httpx.Client
    schema: Any
    person: Person
    owner: Belongings


@pytest.fixture(scope="module")
def server(module_database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    settings = load_settings(database_url=module_database_url, data_dir=tmp_path_factory.mktemp("data"))
    prepare(settings)
    services = build_services(settings)
    app = Door(services, area_routes())
    with serving(app) as client:
        yield Server(
            client, schemathesis.openapi.from_dict(app.openapi()), make_person(services), make_belongings(client, services, "fuzz")
        )


@pytest.mark.parametrize("caller", ["anonymous", "signed_in", "owner"])
@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_generated_requests(server: Server, method: str, path: str, caller: str) -> None:
    """The owner's requests are about things that there are, so they get further."""
    if caller != "anonymous" and path.endswith(ENDING):
        pytest.skip("ends the session")
    names = [name for kind, name in segments(path) if kind]
    if caller == "owner" and (method == "DELETE" or not names):
        pytest.skip("things are needed, and kept")
    operation = server.schema[re.sub(r":\w+}", "}", path)][method]
    headers = {"anonymous": {}, "signed_in": server.person.headers, "owner": server.owner.headers}[caller]
    own = {name: str(server.owner.of(f"{method} {path}", name)) for name in names} if caller == "owner" else {}

    @hypothesis_settings(
        max_examples=EXAMPLES,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy())
    def ask(case: schemathesis.Case[Any]) -> None:
        case.path_parameters = {**(case.path_parameters or {}), **own}
        answer = case.call(base_url=str(server.client.base_url), headers=headers)
        assert answer.status_code < 500 or (answer.status_code == 503 and path.endswith(PROVIDERS)), case.as_curl_command()
        case.validate_response(answer, checks=CHECKS)

    ask()
