"""Routes as the framework documents them. Made when somebody asks for the documentation: all of them take a fifth of a server's start."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Annotated, Any
from uuid import UUID

from fastapi import Body, Path
from fastapi import Query as QueryParameter
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict
from starlette.responses import JSONResponse, Response

from api.auth import ANONYMOUS_DETAIL
from api.paths import segments
from api.routing import ApiRoute, Route


class Problem(BaseModel):
    """A refusal for one reason."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"detail": ANONYMOUS_DETAIL}]})
    detail: str


class FieldProblems(BaseModel):
    """What is wrong, by field; `non_field_errors` when it is not one field's fault."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"examples": [{"title": ["This field is required."]}]})


def documented(route: ApiRoute) -> APIRoute:
    """The route for the framework's list of what it describes; no request reaches it there."""
    declared = route.declared
    return APIRoute(
        route.path,
        _signed(declared),
        methods=[declared.method],
        response_model=declared.answer,
        response_class=Response if declared.media else JSONResponse,
        status_code=declared.status,
        summary=declared.summary,
        description=declared.description or declared.summary,
        tags=list(declared.tags) or [route.area],
        responses=_responses(declared),
        openapi_extra=_extra(declared),
        operation_id=_operation(declared, route.prefix),
    )


ERROR_TEXTS = {
    400: "A field is wrong, or the request cannot be carried out.",
    401: "No credentials, or bad ones.",
    403: "The caller may not do this.",
    404: "There is no such thing, or not for this caller.",
}
PARAMETER_TYPES: Mapping[str, Any] = {"int": int, "uuid": UUID, "path": str, "str": str}


def _signed(route: Route) -> Callable[..., Any]:
    """The handler under a signature that names its parameters, which is where the framework's documentation looks."""
    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters = [
        inspect.Parameter(name, keyword, annotation=Annotated[PARAMETER_TYPES[kind], Path()]) for kind, name in segments(route.path) if kind
    ]
    if route.query is not None:
        parameters.append(inspect.Parameter("query", keyword, annotation=Annotated[route.query, QueryParameter()]))
    if route.body is not None:
        parameters.append(inspect.Parameter("body", keyword, annotation=Annotated[route.body, Body()]))

    def documented() -> None:
        raise NotImplementedError

    documented.__name__ = route.handler.__name__
    documented.__doc__ = route.handler.__doc__
    documented.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return documented


def _operation(route: Route, prefix: str) -> str:
    words = [name or kind for kind, name in segments(route.path)]
    parts = [part for text in words for part in text.replace(".", "-").split("-")]
    return "_".join(filter(None, [route.method.lower(), "" if prefix else "site", *parts]))


def _responses(route: Route) -> dict[int | str, dict[str, Any]]:
    # A note that is private to somebody else is refused by a bare list (contract: notes 1.4).
    responses: dict[int | str, dict[str, Any]] = {"default": {"model": Problem | list[str], "description": "Any other refusal."}}
    statuses = [400] if route.body or route.query else []
    statuses += [401] if route.caller != "ignored" else []
    statuses += [403] if route.caller in ("staff", "session_only") else []
    statuses += [404] if "{" in route.path else []
    for status in statuses:
        responses[status] = {"model": FieldProblems | list[str] if status == 400 else Problem, "description": ERROR_TEXTS[status]}
    if route.media:
        text = {"schema": {"type": "string"}}
        responses[route.status] = {"content": {route.media: text}, "description": "Found."}
        # Outside of the API some refusals are plain sentences.
        responses.setdefault(404, {"model": Problem, "description": ERROR_TEXTS[404]})["content"] = {"text/plain": text}
    if route.answer_example is not None:
        responses[route.status] = {"content": {"application/json": {"example": route.answer_example}}}
    return responses


def _extra(route: Route) -> dict[str, Any]:
    schemes: list[dict[str, list[str]]] = [{"Token": []}]
    if route.caller != "session_only":
        schemes.append({"Bearer": []})
    if route.caller == "open":
        schemes.append({})
    extra: dict[str, Any] = {"security": [] if route.caller == "ignored" else schemes}
    if route.examples:
        examples = {name: {"value": value} for name, value in route.examples.items()}
        extra["requestBody"] = {"content": {"application/json": {"examples": examples}}}
    return extra
