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
from settings import load_settings
from tests.accounts.people import Person, make_person
from tests.door.serving import serving
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


@pytest.fixture(scope="module")
def server(module_database_url: str) -> Iterator[Server]:
    settings = load_settings(database_url=module_database_url)
    prepare(settings)
    services = build_services(settings)
    app = Door(services, area_routes())
    with serving(app) as client:
        yield Server(client, schemathesis.openapi.from_dict(app.openapi()), make_person(services))


@pytest.mark.parametrize("signed_in", [True, False], ids=["signed_in", "anonymous"])
@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_generated_requests(server: Server, method: str, path: str, *, signed_in: bool) -> None:
    if signed_in and path.endswith(ENDING):
        pytest.skip("ends the session")
    operation = server.schema[re.sub(r":\w+}", "}", path)][method]
    headers = server.person.headers if signed_in else {}

    @hypothesis_settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy())
    def ask(case: schemathesis.Case[Any]) -> None:
        answer = case.call(base_url=str(server.client.base_url), headers=headers)
        assert answer.status_code < 500 or (answer.status_code == 503 and path.endswith(PROVIDERS)), case.as_curl_command()
        case.validate_response(answer, checks=CHECKS)

    ask()
