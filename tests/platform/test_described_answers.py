"""The OpenAPI document keeps its word: real answers have a described status, and no member that is not described."""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator

from api.app import Door, area_routes
from api.documented import documented
from settings import load_settings
from tests.door.serving import serving
from tests.foreign.belongings import PNG, Belongings, make_belongings
from tests.foreign.everywhere import ROUTES, filled, names
from tests.mcp.people import Keeper, make_keeper
from wiring import build_services, prepare

ENDING = ("/auth/account/", "/auth/logout/", "/auth/change-password/")
"""Calls that would end the caller's session."""
CHANGES = [name for name, route in ROUTES.items() if route.declared.keyed or (route.declared.method != "GET" and not route.declared.once)]
NEEDED = {"title": "Okapi"}
UNASKED = ("/auth/google/callback", "/auth/github/callback")
"""Pages for browsers that come back from a provider."""


UNKNOWN: dict[str, Any] = {
    "course_id": 987_654_321, "note_id": 987_654_321, "change_id": 987_654_321, "change": "987654321", "course_ids": [987_654_321],
    "ordered_block_ids": [987_654_321], "note_uuid": "7d3b2a4c-8f1e-4c55-9f5e-2b1a6c7d8e90",
    "source_note_uuid": "7d3b2a4c-8f1e-4c55-9f5e-2b1a6c7d8e90",
}  # fmt: skip


def fields_of(route: str) -> Collection[str]:
    """What its body may hold."""
    body = ROUTES[route].declared.body
    return body.model_fields if body is not None else ()


class Described:
    """A server, what it says about itself, and somebody who has one of everything."""

    def __init__(self, client: httpx.Client, document: Mapping[str, Any], owner: Belongings, stranger: Keeper) -> None:
        self.client = client
        self.owner = owner
        self.stranger = stranger
        self.paths = document["paths"]
        self.components = _closed(copy.deepcopy(document["components"]))

    def ask(self, route: str, headers: Mapping[str, str] | None = None, query: str = "", **sent: Any) -> httpx.Response:
        """What is answered about the owner's things, to the owner if the headers say nothing else. It is as described."""
        method, path = route.partition(" ")[0], filled(route, _everybody(self.owner))
        answer = self.client.request(method, path + query, headers={**self.owner.headers, **(headers or {})}, **sent)
        assert not self.problems(route, answer)
        return answer

    def operation(self, route: str) -> dict[str, Any]:
        """What is said about a route."""
        described: dict[str, Any] = self.paths[documented(ROUTES[route]).path_format][route.partition(" ")[0].lower()]
        return described

    def headers(self, route: str) -> set[str]:
        """Those of a request that are said to count."""
        return {parameter["name"] for parameter in self.operation(route).get("parameters", ()) if parameter["in"] == "header"}

    def sent(self, route: str) -> dict[str, Any]:
        """What goes along with a change of the owner's things."""
        declared = ROUTES[route].declared
        if declared.file:
            return {"files": {declared.file: ("okapi.png", PNG)}}
        if declared.body is None:
            return {}
        example: dict[str, Any] = next(iter(declared.examples.values()), {})
        named = {name: self.owner.of(route, name) for name in declared.body.model_fields}
        return {"json": {**example, **NEEDED, **{name: value for name, value in named.items() if value is not None}}}

    def problems(self, route: str, answer: httpx.Response) -> list[str]:
        """How the answer differs from what is said about it."""
        responses = self.operation(route)["responses"]
        status = str(answer.status_code)
        if answer.status_code < 500 and status not in responses:
            return [f"{status} is not described"]
        content = responses.get(status, responses["default"]).get("content", {})
        if not answer.content:
            return []
        kind = answer.headers["content-type"].partition(";")[0]
        described = content.get(kind) or content.get("*/*")
        if described is None:
            return [f"{kind} is not described for {status}"]
        if kind != "application/json":
            return []
        schema = {**_closed(copy.deepcopy(described["schema"])), "components": self.components}
        return [f"{status} {error.json_path} {error.message}" for error in Draft202012Validator(schema).iter_errors(answer.json())]


def _everybody(owner: Belongings) -> Any:
    class Always(dict[str, Belongings]):
        def __missing__(self, name: str) -> Belongings:
            return owner

    return Always()


def _closed(node: Any) -> Any:
    """The same schemas, refusing members that they do not name."""
    if isinstance(node, dict):
        if "properties" in node:
            node.setdefault("additionalProperties", False)
        for member in node.values():
            _closed(member)
    elif isinstance(node, list):
        for member in node:
            _closed(member)
    return node


@pytest.fixture(scope="module")
def described(module_database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Described]:
    settings = load_settings(database_url=module_database_url, data_dir=tmp_path_factory.mktemp("data"), metrics_allowed=("*",))
    prepare(settings)
    services = build_services(settings)
    app = Door(services, area_routes())
    with serving(app) as client:
        owner = make_belongings(client, services, "okapi")
        owner.keeper.rest("POST", f"courses/{owner.named['course_id']}/subscribe/", {})
        yield Described(client, app.openapi(), owner, make_keeper(client, services))


@pytest.mark.parametrize("route", [name for name in ROUTES if name.startswith("GET ") and not name.endswith(UNASKED)])
def test_whatever_is_read_is_as_described(described: Described, route: str) -> None:
    assert described.ask(route).status_code == 200


def test_unknown_changes_are_described(described: Described) -> None:
    assert described.ask("GET /api/v1/undo/", query="?change=987654321").status_code == 404


def test_searches_pages_weeks_and_the_past_are_as_described(described: Described) -> None:
    assert "snippet" in described.ask("GET /api/v1/notes/", query="?q=okapi").json()[0]
    assert "snippet" in described.ask("GET /api/v1/notes/", query="?q=okapi&limit=2").json()["results"][0]
    assert described.ask("GET /api/v1/notes/", query="?limit=2").json()["results"]
    assert described.ask("GET /api/v1/courses/{course_id:int}/notes/", query="?limit=2").json()["results"]
    days = described.ask("GET /api/v1/activity/week/", query="?start_date=2031-05-06").json()["days"]
    assert {entry["kind"] for day in days for entry in day["events"]} == {"plan", "note_session", "calendar"}
    assert "as_of" in described.ask("GET /api/v1/notes/{note_id:int}/", query="?as_of=2100-01-01").json()
    first = described.ask("GET /api/v1/notes/{note_id:int}/history/", query="?include=edits&limit=100").json()[-1]["version"]
    path = filled("GET /api/v1/notes/{note_id:int}/history/{version_id:int}/", _everybody(described.owner)).rpartition("history/")[0]
    difference = described.client.get(f"{path}history/{first}/diff/{first + 2}/", headers=described.owner.headers)
    assert not described.problems("GET /api/v1/notes/{note_id:int}/history/{old:int}/diff/{new:int}/", difference)
    assert difference.json()["from"]["version"] == first
    assert described.client.get("/api/v1/auth/session/").json() == {"authenticated": False}


def test_what_is_made_twice_is_described(described: Described) -> None:
    """The second time it is there already."""
    plan = {"title": "Okapi", "event_date": "2031-05-06", "client_event_id": "made-twice"}
    for route, body in [
        ("POST /api/v1/notes/", {"title": "Okapi", "content": "Okapi", "client_draft_id": "made-twice"}),
        ("POST /api/v1/courses/", {"title": "Okapi", "client_course_id": "made-twice"}),
        ("POST /api/v1/planner-events/", plan),
    ]:
        assert [described.ask(route, json=body).status_code for _ in range(2)] == [201, 200]


def test_uploads_are_described(described: Described) -> None:
    for route, part in [
        ("POST /api/v1/notes/{note_id:int}/attachments/", "file"),
        ("POST /api/v1/notes/uuid/{note_uuid:uuid}/attachments/", "file"),
        ("POST /api/v1/notes/{note_id:int}/cover/", "cover"),
    ]:
        content = described.operation(route)["requestBody"]["content"]
        assert content["multipart/form-data"]["schema"]["properties"].keys() == {part}
        assert described.ask(route, files={part: ("okapi.png", PNG)}).status_code < 300
    for route, part, sent in [
        ("POST /api/v1/calendar-feeds/", "file", {"title": "Okapi"}),
        ("PATCH /api/v1/settings/", "avatar", {"motto": "Okapi"}),
    ]:
        content = described.operation(route)["requestBody"]["content"]
        fields, files = content["multipart/form-data"]["schema"]["allOf"]
        assert files["properties"][part]["format"] == "binary"
        assert fields == content["application/json"]["schema"]
        assert part not in described.components["schemas"][fields["$ref"].rpartition("/")[2]]["properties"]
        calendar = b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n"
        upload = {part: ("okapi.png", PNG) if part == "avatar" else ("okapi.ics", calendar)}
        assert described.ask(route, data=sent, files=upload).status_code < 300


def test_parts_of_files_are_described(described: Described) -> None:
    media = "GET /media/{path:path}"
    whole = described.ask(media)
    for header, value, status in [
        ("Range", "bytes=0-1", 206),
        ("Range", "bytes=999999-", 416),
        ("If-None-Match", whole.headers["etag"], 304),
        ("If-Modified-Since", whole.headers["last-modified"], 304),
    ]:
        assert described.ask(media, {header: value}).status_code == status
        assert str(status) in described.operation(media)["responses"]
        assert header in described.headers(media)
    assert described.ask(media, {"Range": "bytes=0-1", "If-Range": '"another"'}).status_code == 200
    assert "If-Range" in described.headers(media)
    calendar = "GET /calendar/{name:str}"
    assert described.ask(calendar, {"If-None-Match": described.ask(calendar).headers["etag"]}).status_code == 304
    assert described.headers(calendar) == {"If-None-Match", "If-Modified-Since"}


def test_what_the_door_refuses_is_described(described: Described) -> None:
    route = "POST /api/v1/notes/"
    long = b'{"content": "' + b"a" * 21_000_000 + b'"}'
    for status, headers, content in [(400, {}, b"{"), (413, {}, long), (415, {"Content-Type": "text/plain"}, b"Okapi")]:
        assert described.ask(route, headers, content=content).status_code == status
        assert str(status) in described.operation(route)["responses"]
    assert {"429", "503"} <= described.operation(route)["responses"].keys()
    ready = described.operation("GET /api/v1/ready/")["responses"]
    assert ready["503"]["content"] == ready["200"]["content"]


@pytest.mark.parametrize("route", [name for name in ROUTES if names(name) and not name.endswith(UNASKED)])
def test_refusals_of_strangers_are_described(described: Described, route: str) -> None:
    """Also of what they may read: a note and a course that are public."""
    described.owner.keeper.rest("PATCH", f"notes/{described.owner.named['note_id']}/", {"is_public": True})
    described.owner.keeper.rest("PATCH", f"courses/{described.owner.named['course_id']}/", {"is_public": True})
    assert described.ask(route, described.stranger.person.headers, **described.sent(route)).status_code < 500


@pytest.mark.parametrize("route", [f"{name} {field}" for name in CHANGES for field in UNKNOWN if field in fields_of(name)])
def test_refusals_of_unknown_ids_are_described(described: Described, route: str) -> None:
    name, _, field = route.rpartition(" ")
    sent = {**described.sent(name)["json"], field: UNKNOWN[field]}
    # Else it is found that the thing was made before.
    assert described.ask(name, json={key: value for key, value in sent.items() if not key.startswith("client_")}).status_code < 500


@pytest.mark.parametrize("route", [name for name in CHANGES if not name.endswith("/auth/account/")])
def test_idempotency_keys_count_where_they_are_described(described: Described, route: str) -> None:
    answer = described.ask(route, {"Idempotency-Key": "k" * 256}, **described.sent(route))
    refused = answer.status_code == 400 and "Idempotency-Key" in answer.json()
    assert refused == ("Idempotency-Key" in described.headers(route)), answer.text
    if refused:
        assert {"400", "409"} <= described.operation(route)["responses"].keys()


@pytest.mark.parametrize("route", [name for name in CHANGES if not name.endswith(ENDING)])
def test_expected_versions_count_where_they_are_described(described: Described, route: str) -> None:
    answer = described.ask(route, {"If-Match": '"0"'}, **described.sent(route))
    assert (answer.status_code == 412) == ("If-Match" in described.headers(route)) == ("412" in described.operation(route)["responses"]), (
        answer.text
    )
