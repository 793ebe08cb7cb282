"""Carrying out a command for a request: its context, its Idempotency-Key, its answer in the same transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from starlette.responses import Response

from api.call import Call, json_bytes
from commands.errors import Invalid
from commands.handling import Once, Repeated, Statement, Work, request_digest
from commands.lookups import Lookups

T = TypeVar("T")
Decide = Callable[[Work[Lookups]], T]
Respond = Callable[[T, tuple[Any, ...] | None], tuple[int, bytes]]
"""The decision's result and the answer's row -> status and JSON."""

LONGEST_KEY = 255


def carry_out(
    call: Call,
    decide: Decide[T],
    respond: Respond[T],
    *,
    answer: Callable[[T], Statement | None] | None = None,
    conflicts: Mapping[str, Exception] | None = None,
    then: Callable[[T], None] | None = None,
    secret: bool = False,
) -> Response:
    """Runs the command in this thread and answers. See commands.handling.Handling.run for the parameters.

    With an Idempotency-Key the first answer is stored with the command's effect, and given again to every repetition.
    then: what follows once the result is saved; not after a repetition.
    secret: the answer holds a key, so it is stored encrypted.
    """
    once = _once(call, _sealed(call, respond) if secret else respond)
    try:
        outcome = call.services.commands.run(decide, call.context(), answer=answer, conflicts=conflicts, once=once)
        status, body = respond(outcome.result, outcome.row)
        if then is not None:
            then(outcome.result)
    except Repeated as repeated:
        status, body = repeated.status, call.services.sealer.open(repeated.body) if secret else repeated.body
    return json_bytes(call, body, status) if status != 204 else Response(status_code=204)


def _sealed(call: Call, respond: Respond[T]) -> Respond[T]:
    def respond_sealed(result: T, row: tuple[Any, ...] | None) -> tuple[int, bytes]:
        status, body = respond(result, row)
        return status, call.services.sealer.seal(body)

    return respond_sealed


def _once(call: Call, respond: Respond[Any]) -> Once | None:
    key = call.header(b"idempotency-key")
    if key is None or call.caller is None or call.caller.account_id is None:
        return None
    if not 0 < len(key) <= LONGEST_KEY or not key.isprintable():
        raise Invalid({"Idempotency-Key": [f"Must be 1 to {LONGEST_KEY} printable characters."]})
    scope = call.scope
    digest = request_digest(scope["method"], scope["path"] + "?" + scope["query_string"].decode("latin-1"), call.sent.meaning())
    return Once(call.caller.account_id, key, digest, respond)
