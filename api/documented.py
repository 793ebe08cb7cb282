"""Routes as the framework documents them. Made when somebody asks for the documentation: all of them take a fifth of a server's start."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Any, get_args
from uuid import UUID

from fastapi import Body, Path
from fastapi import Query as QueryParameter
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict
from starlette.responses import JSONResponse, Response

from api.auth import ANONYMOUS_DETAIL
from api.bodies import MULTIPART
from api.fields import File
from api.middleware.limits import EXEMPT
from api.paths import segments
from api.routing import ApiRoute, Route
from api.writing import LONGEST_KEY


class Problem(BaseModel):
    """An error with one reason."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"detail": ANONYMOUS_DETAIL}]})
    detail: str


class FieldProblems(BaseModel):
    """Errors by field; `non_field_errors` for those that concern no single field."""

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
        response_description=SUCCESS_TEXTS[declared.status],
        summary=declared.summary,
        description=declared.description,
        tags=list(declared.tags) or [route.area],
        responses=_responses(route),
        openapi_extra=_extra(declared),
        operation_id=_operation(declared, route.prefix),
    )


def complete(described: dict[str, Any], routes: Sequence[ApiRoute], shown: Sequence[APIRoute]) -> None:
    """Adds to the document what the framework does not say: examples, from which it takes every null, and files in bodies."""
    schemas = described["components"]["schemas"]
    for route, framed in zip(routes, shown, strict=True):
        declared = route.declared
        operation = described["paths"][framed.path_format][declared.method.lower()]
        if declared.examples:
            content = operation["requestBody"]["content"]["application/json"]
            content["examples"] = {name: {"value": value} for name, value in declared.examples.items()}
        if declared.answer_example is not None:
            operation["responses"][str(declared.status)]["content"]["application/json"]["example"] = declared.answer_example
        if declared.body is not None:
            _add_files(operation["requestBody"]["content"], declared.body)
        for model in _models(declared.answer):
            extra = model.model_config.get("json_schema_extra")
            if isinstance(extra, dict):
                schemas[model.__name__].update(extra)


SUCCESS_TEXTS = {200: "Success.", 201: "Created.", 204: "Success, without a body."}
ERROR_TEXTS = {
    400: "A field is invalid, or the request cannot be carried out.",
    401: "Missing or invalid credentials.",
    403: "The caller is not allowed to do this.",
    404: "Not found, or not visible to this caller.",
    409: "A conflict: the Idempotency-Key was used for another request, or others are changing the same resource.",
    413: "The body is too large.",
    415: "The body is neither JSON nor a form.",
    429: "Too many requests, or too many guesses at a secret.",
    503: "Temporarily unavailable. Nothing was changed; try again later.",
}
ANSWER_TEXTS = {
    200: "It existed already.",
    206: "The requested range.",
    304: "Not modified: the client's copy is current.",
    412: "It has changed: If-Match does not match. Nothing was stored.",
    416: "The file has no such range.",
    503: "Requests cannot be answered at the moment.",
}
RETRY_AFTER = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}
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
    documented.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return documented


def _operation(route: Route, prefix: str) -> str:
    words = [name or kind for kind, name in segments(route.path)]
    parts = [part for text in words for part in text.replace(".", "-").split("-")]
    return "_".join(filter(None, [route.method.lower(), "" if prefix else "site", *parts]))


def _responses(route: ApiRoute) -> dict[int | str, dict[str, Any]]:
    declared = route.declared
    # A note that is private to somebody else is refused by a bare list (contract: notes 1.4).
    responses: dict[int | str, dict[str, Any]] = {"default": {"model": Problem | list[str], "description": "Any other error."}}
    for status in _refusals(route):
        responses[status] = {"model": FieldProblems | list[str] if status == 400 else Problem, "description": ERROR_TEXTS[status]}
        if status in (429, 503):
            responses[status]["headers"] = RETRY_AFTER
    for status, model in declared.answers.items():
        responses[status] = {"description": ANSWER_TEXTS[status], **({"model": model} if model else {})}
    if declared.media:
        text = {"schema": {"type": "string"}}
        for status in {declared.status, *declared.answers} & {200, 206}:
            responses[status] = {
                "content": {declared.media: text},
                "description": ANSWER_TEXTS[status] if status == 206 else "The content.",
            }
        # Outside of the API some refusals are plain sentences.
        responses.setdefault(404, {"model": Problem, "description": ERROR_TEXTS[404]})["content"] = {"text/plain": text}
    return responses


def _refusals(route: ApiRoute) -> list[int]:
    """What the door itself refuses, and what the area says that it refuses beside."""
    declared = route.declared
    takes_body = bool(declared.body or declared.file)
    # What machines ask for without a caller is never limited, and does not need the database.
    spared = route.path in EXEMPT
    occurs = {
        400: takes_body or declared.query or declared.keyed,
        401: declared.caller != "ignored",
        403: declared.caller in ("staff", "session_only") or declared.guard,
        404: "{" in declared.path,
        409: declared.keyed,
        413: declared.body,
        415: takes_body,
        429: not spared,
        503: not spared,
    }
    return [status for status, does in occurs.items() if does or status in declared.refusals]


def _extra(route: Route) -> dict[str, Any]:
    schemes: list[dict[str, list[str]]] = [{"Token": []}]
    if route.caller != "session_only":
        schemes.append({"Bearer": []})
    if route.caller == "open":
        schemes.append({})
    extra: dict[str, Any] = {"security": [] if route.caller == "ignored" else schemes}
    headers = list(_headers(route))
    if headers:
        extra["parameters"] = headers
    if route.file:
        schema = {"type": "object", "properties": {route.file: File().schema()}, "required": [route.file]}
        extra["requestBody"] = {"required": True, "content": {MULTIPART: {"schema": schema}}}
    return extra


def _headers(route: Route) -> Iterator[dict[str, Any]]:
    """The request headers that count."""
    if route.keyed:
        text = "Identifies the request: a repetition with the same key gets the first response and has no further effect."
        yield _header("Idempotency-Key", text, {"minLength": 1, "maxLength": LONGEST_KEY})
    if 412 in route.answers:
        yield _header(
            "If-Match", "The version, or the time of the last edit, that the client has seen; if it has changed, the answer is 412."
        )
    if 206 in route.answers:
        yield _header("Range", "The requested range, such as `bytes=0-499`.")
        yield _header("If-Range", "The ETag of what the client has a part of; if it has changed, the whole file is sent.")
    if 304 in route.answers:
        yield _header("If-None-Match", "The ETag of the client's copy.")
        if route.media:
            yield _header("If-Modified-Since", "The time of the client's copy; ignored with If-None-Match.")


def _header(name: str, text: str, bounds: Mapping[str, int] = {}) -> dict[str, Any]:
    return {"name": name, "in": "header", "required": False, "description": text, "schema": {"type": "string", **bounds}}


def _add_files(content: dict[str, Any], body: type[BaseModel]) -> None:
    """Files come in multipart bodies only, beside the fields that JSON has as well."""
    files = {name: (info, kind) for name, info in body.model_fields.items() for kind in info.metadata if isinstance(kind, File)}
    if not files:
        return
    described = {name: kind.schema() | ({"description": kind.doc} if kind.doc else {}) for name, (_, kind) in files.items()}
    required = [name for name, (info, _) in files.items() if info.is_required()]
    schema = {"type": "object", "properties": described, **({"required": required} if required else {})}
    content[MULTIPART] = {"schema": {"allOf": [content["application/json"]["schema"], schema]}}
    if required:
        del content["application/json"]


def _models(answer: Any) -> Iterator[type[BaseModel]]:
    """The models that an answer is made of, as far as its annotation names them."""
    if isinstance(answer, type) and issubclass(answer, BaseModel):
        yield answer
    for part in get_args(answer):
        yield from _models(part)
