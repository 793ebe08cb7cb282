"""Which route a path leads to (contract: notes 1.3)."""

from __future__ import annotations

import httpx
import pytest

from api.fields import BIGGEST
from api.paths import PathTable

T = "/api/v1/test"
U = "0c1f6a54-5f0e-4a9b-9b0e-3d1c8f2a7e11"


@pytest.mark.parametrize(
    ("path", "parameters"),
    [
        ("/things/5/", {"thing_id": 5}),
        ("/things/5", {"thing_id": 5}),
        ("/things/007/", {"thing_id": 7}),
        ("/things/-5/", {"name": "-5"}),
        ("/things/5a/", {"name": "5a"}),
        ("/things/%D9%A3/", {"name": "٣"}),
        ("/things/" + "9" * 5000 + "/", {"thing_id": BIGGEST}),
        ("/things/9223372036854775808/", {"thing_id": BIGGEST}),
        ("/things/some%20name/", {"name": "some name"}),
        ("/things/uuid/", {"name": "uuid"}),
        (f"/things/uuid/{U}/", {"part": U}),
        (f"/things/uuid/{U.upper()}", {"part": U}),
    ],
)
def test_parameters(door: httpx.Client, path: str, parameters: dict[str, object]) -> None:
    answer = door.get(T + path)
    assert (answer.status_code, answer.json()) == (200, parameters)


@pytest.mark.parametrize(
    "path",
    [
        "/things/",
        "/things//",
        "/things/5//",
        f"/things/uuid/{U[:-1]}/",
        "/things/uuid/{" + U + "}/",
        "/things/a%00b/",
        "/things/5/6/",
    ],
)
def test_paths_that_lead_nowhere(door: httpx.Client, path: str) -> None:
    assert door.get(T + path).status_code == 404


def test_bodies_arrive_without_the_last_slash(door: httpx.Client) -> None:
    answer = door.post(f"{T}/echo", json={"title": "x"})
    assert (answer.status_code, answer.json()["sent"]) == (200, {"title": "x"})


def test_a_path_is_served_once() -> None:
    table = PathTable[int]()
    table.add("GET", "/a/{x:int}/", 1)
    table.add("POST", "/a/{y:int}/", 2)
    with pytest.raises(ValueError, match="twice"):
        table.add("GET", "/a/{z:int}", 3)


def test_fixed_text_wins_and_the_rest_of_a_path_is_one_parameter() -> None:
    table = PathTable[str]()
    table.add("GET", "/{rest:path}", "rest")
    table.add("GET", "/a/{n:int}/b/", "number")
    table.add("GET", "/a/5/{name}/", "fixed")

    def found(path: str) -> tuple[str, list[object]]:
        match = table.find(path)
        assert match is not None
        methods, values = match
        return methods["GET"][0], values

    assert found("/a/6/b/") == ("number", [6])
    assert found("/a/5/b/") == ("fixed", ["b"])
    assert found("/x/y/z.png") == ("rest", ["x/y/z.png"])
