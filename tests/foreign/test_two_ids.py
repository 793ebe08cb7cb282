"""A second account puts the first one's real ids and secrets into every place that there is, and mixes own and foreign ones.

places.py says what each place answers; a place without a row fails. Nothing private to the first account is told, and all its
events and rows stay as they were, byte for byte.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any, NamedTuple

import httpx
import psycopg
import pytest
from starlette.routing import Mount
from starlette.routing import Route as SiteRoute

from api.console.app import console_routes
from api.console.visit import COOKIE
from mcp_server.resources import SCHEME, TEMPLATES
from projections.catalog import ALL_PROJECTIONS
from settings import Settings
from tests.foreign.belongings import Belongings, make_belongings
from tests.foreign.everywhere import ROUTES, fields, filled, names
from tests.foreign.places import EMPTY, KEPT, NAMES_NOTHING, PLACES, REFUSED, SECRET_ADDRESSES, TOOLS, Row
from toolbox.catalog import ALL_TOOLS, BY_NAME
from wiring import Services

EVERYWHERE = ("cursor", "expected_version")
EXAMPLES: dict[str, Any] = {
    "title": "Mine", "content": "Mine", "event_date": "2031-05-06", "append": "x", "reason": "Mine", "summary": "Mine", "at": "2031-05-06",
    "query": "Mine", "index": 0, "days": 7, "kind": "event", "start_date": "2031-05-06",
}  # fmt: skip


def test_every_place_is_decided() -> None:
    found = {f"{route} {name}" for route in ROUTES for name in names(route)}
    found |= {
        f"{route} {name}" for route in ROUTES for _, name in fields(route) if f"{route} {name}" in PLACES or name not in NAMES_NOTHING
    }
    assert found == set(PLACES) | SECRET_ADDRESSES


def test_every_argument_of_the_tools_is_decided() -> None:
    found = {
        f"{tool.name} {name}" for tool in ALL_TOOLS for name in tool.properties if name not in NAMES_NOTHING and name not in EVERYWHERE
    }
    assert found == set(TOOLS)


class Pair(NamedTuple):
    """The first account, which is tried at, and the second, which tries."""

    owner: Belongings
    own: Belongings
    before: dict[str, set[str]]


TABLES = [f"{projection.name}.{table.name}" for projection in ALL_PROJECTIONS for table in projection.tables]


def _everything(conninfo: str) -> dict[str, set[str]]:
    with psycopg.connect(conninfo) as connection:
        return {
            table: {text for (text,) in connection.execute(f"SELECT t::text FROM {table} t".encode())} for table in ("log.events", *TABLES)
        }


@pytest.fixture(scope="module")
def pair(door: httpx.Client, services: Services, settings: Settings) -> Pair:
    owner = make_belongings(door, services, "zebrafish")
    before = _everything(settings.conninfo())
    return Pair(owner, make_belongings(door, services, "flamingo"), before)


@pytest.fixture(autouse=True)
def _nothing_happened(request: pytest.FixtureRequest, settings: Settings) -> Iterator[None]:
    """All rows and events of the first account are there as they were, and its streams have no new ones."""
    if "pair" not in request.fixturenames:
        yield
        return
    pair: Pair = request.getfixturevalue("pair")
    yield
    # Following a course is right, and then more can be filed in it; the next case is of somebody who does not.
    course = pair.owner.named["course_id"]
    request.getfixturevalue("door").delete(f"/api/v1/courses/{course}/subscribe/", headers=pair.own.headers)
    after = _everything(settings.conninfo())
    lost = {table: rows - after[table] for table, rows in pair.before.items() if rows - after[table]}
    assert not lost
    streams = {row.split(",")[1] for row in pair.before["log.events"]}
    assert {row for row in after["log.events"] if row.split(",")[1] in streams} == pair.before["log.events"]


def _sent(row: Row, own: Belongings) -> dict[str, Any]:
    return {name: own.named[value[1:-1]] if isinstance(value, str) and value.startswith("{") else value for name, value in row.body.items()}


@pytest.mark.parametrize("place", sorted(PLACES))
def test_foreign_ids(door: httpx.Client, pair: Pair, place: str) -> None:
    owner, own, _ = pair
    row, (route, _, name) = PLACES[place], place.rpartition(" ")
    foreign = owner.of(route, name)
    in_path = name in names(route)
    part = "path" if in_path else next(part for part, field in fields(route) if field == name)
    path = filled(route, {parameter: owner if parameter == name else own for parameter in names(route)})
    method, body = ROUTES[route].declared.method, _sent(row, own)
    if part == "body":
        body[name] = foreign
    answer = door.request(
        method, path, params={name: foreign} if part == "query" else None, json=None if method == "GET" else body, headers=own.headers
    )
    assert answer.status_code == row.status, answer.text
    assert owner.word not in answer.text
    if not row.kept and answer.status_code < 300 and not in_path and answer.content:
        assert _mentions(answer.json(), name, foreign) == []


def _mentions(told: Any, name: str, foreign: Any) -> list[Any]:
    """Where an answer names the foreign thing by the very name of the place; in a list of things that is their id."""
    if name.endswith("_ids"):
        return [thing for thing in told if isinstance(thing, dict) and thing["id"] in foreign]
    if isinstance(told, list):
        return [found for part in told for found in _mentions(part, name, foreign)]
    if isinstance(told, dict):
        here = [told] if told.get(name, ...) == foreign else []
        return here + [found for part in told.values() for found in _mentions(part, name, foreign)]
    return []


MIXED = sorted(route for route in ROUTES if len(names(route)) > 1)


@pytest.mark.parametrize("route", MIXED)
def test_no_mixture_of_own_and_foreign_ids_is_served(door: httpx.Client, pair: Pair, route: str) -> None:
    owner, own, _ = pair
    method = ROUTES[route].declared.method
    for choice in itertools.product((own, owner), repeat=len(names(route))):
        # The own note with a version number that it does not have counts as foreign too; the wholly own one is the control.
        if all(who is own for who in choice):
            continue
        path = filled(route, dict(zip(names(route), choice, strict=True)))
        answer = door.request(method, path, json=None if method == "GET" else {}, headers=own.headers)
        assert answer.status_code in (400, 403, 404), f"{method} {path}: {answer.status_code} {answer.text[:200]}"
        assert owner.word not in answer.text


def test_ids_in_the_bin_are_not_found_anywhere_else(door: httpx.Client, pair: Pair) -> None:
    owner, own, _ = pair
    for kind, path in (("note", "notes/{}/"), ("course", "courses/{}/"), ("course", "courses/{}/notes/"), ("event", "planner-events/{}/"),
                       ("calendar", "calendar-feeds/{}/")):  # fmt: skip
        number = owner.named[f"POST /api/v1/recycle-bin/{kind}/{{id:int}}/restore/ id"]
        answer = door.get("/api/v1/" + path.format(number), headers=own.headers)
        assert answer.status_code == 404, answer.text


def test_answers_kept_under_a_key_are_for_their_account(door: httpx.Client, pair: Pair) -> None:
    owner, own, _ = pair
    for who in (own, own):
        answer = door.post("/api/v1/notes/", json={"title": "Mine"}, headers={**who.headers, "Idempotency-Key": owner.word})
        assert answer.status_code == 201
        assert owner.word not in answer.text


def test_secret_addresses_are_for_whoever_knows_them_and_no_others(door: httpx.Client, pair: Pair) -> None:
    owner, own, _ = pair
    calendar, media = f"/calendar/{owner.named['name']}", f"/media/{owner.named['path']}"
    for address in (calendar, media):
        assert owner.word in door.get(address, headers=own.headers).text
        folder, _, last = address.rpartition("/")
        tail = own.named["name" if address == calendar else "path"].rpartition("/")[2]
        for guess in (f"{folder}/", f"{folder}/x{last}", f"{folder}/{last[:-5]}", f"{folder}/{'0' * 32}", f"{folder}/%2e%2e/{last}"):
            answer = door.get(guess, headers=own.headers)
            assert answer.status_code == 404, guess
            assert owner.word not in answer.text
        assert owner.word not in door.get(f"{folder}/{tail}", headers=own.headers).text


@pytest.mark.parametrize("place", sorted(TOOLS))
def test_foreign_ids_in_tools(pair: Pair, place: str) -> None:
    owner, own, _ = pair
    tool, _, name = place.partition(" ")
    arguments = _arguments(tool, own) | {name: owner.of(tool, name)}
    result = own.keeper.ask("tools/call", {"name": tool, "arguments": arguments})["result"]
    text = result["content"][0]["text"]
    assert owner.word not in text
    assert result.get("isError", False) is (TOOLS[place] == REFUSED), text
    if TOOLS[place] == EMPTY:
        listed = result["structuredContent"]
        assert not any(listed[key] for key in ("notes", "sessions", "reordered") if key in listed), text
    assert TOOLS[place] in (REFUSED, EMPTY, KEPT)


def _arguments(tool: str, own: Belongings) -> dict[str, Any]:
    """What the tool asks for, and what makes it do something."""
    needed = BY_NAME[tool].required or ()
    extra = {"patch_note": ("append",), "update_event": ("title",), "update_calendar_feed": ("title",), "update_course": ("title",)}
    names = [*needed, *extra.get(tool, ())]
    return {name: own.of(tool, name) if own.of(tool, name) is not None and name not in EXAMPLES else EXAMPLES[name] for name in names}


@pytest.mark.parametrize(("tool", "name"), [(tool.name, name) for tool in ALL_TOOLS for name in EVERYWHERE if name in tool.properties])
def test_cursors_and_versions_of_others_lead_nowhere(pair: Pair, tool: str, name: str) -> None:
    owner, own, _ = pair
    trial = {"dry_run": True} if "dry_run" in BY_NAME[tool].properties else {}
    arguments = {**_arguments(tool, own), **trial, name: owner.of(tool, name)}
    answer = own.keeper.ask("tools/call", {"name": tool, "arguments": arguments})
    assert owner.word not in str(answer)


@pytest.mark.parametrize("template", TEMPLATES, ids=[template.name for template in TEMPLATES])
def test_foreign_resources_are_not_there(pair: Pair, template: Any) -> None:
    owner, own, _ = pair
    address = SCHEME + template.path.format_map({**owner.named, "start_date": "2031-05-05"})
    answer = own.keeper.ask("resources/read", {"uri": address})
    assert owner.word not in str(answer)
    assert ("error" in answer) is ("{note_id}" in template.path), answer


def test_prompts_and_completions_show_own_things_only(pair: Pair) -> None:
    owner, own, _ = pair
    for listed in own.keeper.ask("prompts/list")["result"]["prompts"]:
        given = {one["name"]: str(owner.named.get(one["name"], "2031-05-05")) for one in listed.get("arguments", ())}
        answer = own.keeper.ask("prompts/get", {"name": listed["name"], "arguments": given})
        assert owner.word not in str(answer)
        assert ("error" in answer) is ("note_id" in given), answer
    for value in (owner.word, str(owner.named["note_id"])):
        reference = {"type": "ref/resource", "uri": f"{SCHEME}notes/{{note_id}}"}
        found = own.keeper.ask("completion/complete", {"ref": reference, "argument": {"name": "note_id", "value": value}})["result"]
        assert str(owner.named["note_id"]) not in found["completion"]["values"]


def _console_pages() -> list[tuple[str, str]]:
    [mount] = [route for route in console_routes() if isinstance(route, Mount)]
    pages = [route for route in mount.routes if isinstance(route, SiteRoute) and not route.path.startswith("/login")]
    return [(method, route.path) for route in pages for method in sorted(route.methods or ("GET",)) if method != "HEAD"]


@pytest.mark.parametrize(("method", "path"), _console_pages())
def test_the_console_shows_nothing_to_others(door: httpx.Client, pair: Pair, method: str, path: str) -> None:
    owner, own, _ = pair
    number, note = str(owner.keeper.person.account_id), owner.named["note_id"]
    filled = path.replace("{id:int}", number).replace("{position:int}", "1").replace("{stream}", f"note-{note}").replace("{rest:path}", "x")
    form = {"act": "disable", "action": "rebuild", "target": "*", "reason": "Because.", "csrf": "0" * 64}
    for cookie in (own.keeper.person.token, own.keeper.key, ""):
        headers = {"Cookie": f"{COOKIE}={cookie}"}
        answer = door.request(method, f"/admin{filled}", data=form if method == "POST" else None, headers=headers)
        assert answer.status_code in (303, 403), answer.text
        assert owner.word not in answer.text
        assert owner.keeper.person.username not in answer.text
