"""The documentation works without the internet and describes every route."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator, FormatChecker
from schemathesis.specs.openapi.definitions import OPENAPI_31_VALIDATOR

from api.app import PREFIX, area_routes
from api.documented import documented
from api.schemas.courses import COURSE_EXAMPLE


def test_the_page_loads_everything_from_here(door: httpx.Client) -> None:
    page = door.get("/docs")
    assert page.status_code == 200
    assert door.get("/docs/").status_code == 200
    addresses = re.findall(r"""(?:src|href)=["']([^"']+)["']""", page.text)
    assert len(addresses) >= 3
    for address in addresses:
        assert address.startswith("/docs/assets/")
        assert door.get(address).status_code == 200
    assert "http://" not in page.text
    assert "https://" not in page.text


@pytest.fixture(scope="module")
def described(door: httpx.Client) -> dict[str, Any]:
    """The OpenAPI document."""
    document: dict[str, Any] = door.get("/openapi.json").json()
    return document


def test_every_route_is_described(described: dict[str, Any]) -> None:
    for route in area_routes():
        operation = described["paths"][documented(route).path_format][route.declared.method.lower()]
        assert operation["summary"]


def test_every_route_stands_on_a_page() -> None:
    pages = "\n".join(page.read_text(encoding="utf-8") for page in [*Path("docs").rglob("*.md"), Path("README.md")])
    told = {re.sub(r"<[^>]*>", "<>", path) for path in re.findall(r"/[\w<>./-]*", pages)}
    missing = []
    for route in area_routes():
        path = documented(route).path_format.removeprefix(PREFIX)
        # A provider, or a kind of thing in the bin, may stand there as one.
        together = re.sub(r"google|github|(?<=recycle-bin/)\w+", "<>", path)
        if not {re.sub(r"\{[^}]*\}", "<>", way) for way in (path, together, f"{path}.ics")} & told:
            missing.append(path)
    assert not missing


def test_links_between_pages_lead_somewhere() -> None:
    pages = [*Path("docs").rglob("*.md"), *Path().glob("*.md"), *Path("deploy").glob("*.md")]
    links = [(page, link) for page in pages for link in re.findall(r"\]\((?!https?:)([^)\s]+)\)", page.read_text(encoding="utf-8"))]
    assert len(links) > 50
    assert not [(str(page), link) for page, link in links if not leads_somewhere(page, link)]


def leads_somewhere(page: Path, link: str) -> bool:
    """Whether the file of a link is there, and its heading."""
    path, _, anchor = link.partition("#")
    target = page.parent / path if path else page
    if not target.exists() or not anchor:
        return target.exists()
    headings = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), re.MULTILINE)
    return anchor in {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_bodies_queries_and_schemes_are_described(described: dict[str, Any]) -> None:
    paths, components = described["paths"], described["components"]
    assert set(components["securitySchemes"]) == {"Token", "Bearer"}
    echo = paths[f"{PREFIX}/test/echo/{{thing_id}}/"]["patch"]
    assert echo["parameters"][0]["name"] == "thing_id"
    assert echo["parameters"][0]["schema"]["type"] == "integer"
    body = components["schemas"]["ThingInPatch"]
    assert "required" not in body
    assert body["properties"]["title"] == {"type": "string", "minLength": 1, "maxLength": 10, "title": "Title"}
    assert components["schemas"]["ThingIn"]["required"] == ["title"]
    me = paths[f"{PREFIX}/test/me/"]["get"]
    assert [parameter["name"] for parameter in me["parameters"]] == ["limit"]
    assert me["security"] == [{"Token": []}, {"Bearer": []}]
    assert "422" not in me["responses"]
    answer = paths[f"{PREFIX}/test/whoami/"]["get"]["responses"]["200"]["content"]["application/json"]
    assert answer == {"schema": {"$ref": "#/components/schemas/WhoOut"}, "example": {"viewer": 8}}
    assert paths[f"{PREFIX}/test/session/"]["post"]["security"] == [{"Token": []}]


def test_operations_have_names_of_their_own() -> None:
    names = [documented(route).operation_id for route in area_routes()]
    assert len(names) == len(set(names))


def test_schemas_have_names_of_their_own(described: dict[str, Any]) -> None:
    """Two of one name come with their modules in front."""
    assert not [name for name in described["components"]["schemas"] if "__" in name]


def test_the_document_and_its_defaults_are_valid(described: dict[str, Any]) -> None:
    OPENAPI_31_VALIDATOR.validate(described)
    defaults = [(schema, schema["default"]) for schema in inside(described) if "default" in schema and is_schema(schema)]
    assert defaults
    for schema, value in defaults:
        assert not problems(described, schema, value)


def test_no_field_of_a_change_has_a_default(described: dict[str, Any]) -> None:
    """A generated client sends what has a default, and what is sent is changed."""
    changes = [paths["patch"] for paths in described["paths"].values() if "patch" in paths]
    assert len(changes) > 5
    for change in changes:
        for content in change["requestBody"]["content"].values():
            assert not [schema for schema in inside(resolved(described, content["schema"])) if "default" in schema]


def test_examples_are_valid_and_whole(described: dict[str, Any]) -> None:
    found = list(examples(described))
    assert len(found) > 30
    for schema, value in found:
        assert not problems(described, schema, value)
    course = described["paths"][f"{PREFIX}/courses/{{course_id}}/"]
    rename = course["patch"]["requestBody"]["content"]["application/json"]["examples"]["rename"]["value"]
    assert rename == {"title": "Biology II", "icon": None}
    assert course["get"]["responses"]["200"]["content"]["application/json"]["example"] == COURSE_EXAMPLE
    assert described["components"]["schemas"]["CourseOut"]["examples"] == [COURSE_EXAMPLE]


def test_wall_clock_times_are_allowed(described: dict[str, Any]) -> None:
    for name, field, other in [("PlannerEventIn", "starts_at", "completed_at"), ("NoteSessionChange", "started_at", "ended_at")]:
        fields = described["components"]["schemas"][name]["properties"]
        assert not problems(described, fields[field], "2031-05-06T14:00:00")
        assert not problems(described, fields[other], None)
        assert "date-time" not in str(fields)


def test_a_body_that_needs_a_file_is_no_json(described: dict[str, Any]) -> None:
    assert described["paths"][f"{PREFIX}/test/upload/"]["post"]["requestBody"]["content"].keys() == {"multipart/form-data"}


def examples(described: dict[str, Any]) -> Iterator[tuple[dict[str, Any], Any]]:
    """All examples, each with the schema that it is one of."""
    for node in inside(described):
        told = node.get("examples")
        if isinstance(told, list):
            yield from ((node, value) for value in told)
        elif "schema" in node:
            yield from ((node["schema"], example["value"]) for example in (told or {}).values())
            if "example" in node:
                yield node["schema"], node["example"]


def inside(node: Any) -> Iterator[dict[str, Any]]:
    """All objects in a part of the document, itself among them."""
    if isinstance(node, dict):
        yield node
    for member in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from inside(member)


def is_schema(node: dict[str, Any]) -> bool:
    """Whether it says what a value has to be like; responses have members called default as well."""
    return bool(node.keys() & {"type", "anyOf", "$ref", "enum"})


def resolved(described: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """The schema that is meant."""
    found: dict[str, Any] = described["components"]["schemas"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    return found


def problems(described: dict[str, Any], schema: dict[str, Any], value: Any) -> list[str]:
    """What is wrong with the value by the schema."""
    validator = Draft202012Validator({**schema, "components": described["components"]}, format_checker=FormatChecker())
    return [error.message for error in validator.iter_errors(value)]
