"""All places of the API that things can be named in."""

from __future__ import annotations

from collections.abc import Iterator

from api.app import area_routes
from api.paths import segments
from tests.foreign.belongings import Belongings

ROUTES = {f"{route.declared.method} {route.path}": route for route in area_routes()}


def names(route: str) -> list[str]:
    """The parameters of its path."""
    return [name for kind, name in segments(ROUTES[route].path) if kind]


def fields(route: str) -> Iterator[tuple[str, str]]:
    """(query or body, the field's name)."""
    declared = ROUTES[route].declared
    for part, model in (("query", declared.query), ("body", declared.body)):
        for name in model.model_fields if model is not None else ():
            yield part, name


def filled(route: str, owners: dict[str, Belongings]) -> str:
    """The path, each parameter naming a thing of its owner."""
    path = ROUTES[route].path
    for kind, name in segments(path):
        if kind:
            value = "google" if name == "provider" else str(owners[name].of(route, name))
            path = path.replace(f"{{{name}:{kind}}}", value).replace(f"{{{name}}}", value)
    return path
