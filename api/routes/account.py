"""The caller's account as a whole: its history, and its erasure."""

from __future__ import annotations

from contextlib import suppress

from starlette.responses import Response

from api.call import Call
from api.routes.credentials import own_id
from api.routing import Route
from api.schemas.accounts import EraseIn, HistoryOut, HistoryQuery
from commands.accounts.erasure import request_erasure
from eventstore.blobs import BlobStoreUnavailable
from projections.accounts.history import list_history, told
from reactors.erasure import erase_account


def erase(call: Call) -> Response:
    """Ends all sessions, and erases the account with everything that belongs to it."""
    body: EraseIn = call.body
    services, account_id = call.services, own_id(call)
    decide, code_id = request_erasure(services.lookups, services.proofs, account_id, digits=body.identity_code, network=call.client_address)
    services.commands.run(decide, call.context())
    services.proofs.codes.discard(code_id())
    # The reactor does the same, and removes the files once their store is back.
    with suppress(BlobStoreUnavailable):
        erase_account(services, account_id)
    return Response(status_code=204)


async def history(call: Call) -> HistoryOut:
    """Sign-ins, revocations, changes of the account, the newest first."""
    query: HistoryQuery = call.query
    (rows,) = await call.ask(list_history(query.limit, query.before))
    return HistoryOut.model_validate(told(rows, query.limit))


ROUTES = [
    Route(
        "DELETE",
        "/auth/account/",
        erase,
        "Erase the account",
        caller="session_only",
        body=EraseIn,
        status=204,
        once=False,
        description=(
            "Needs an identity code. Ends all sessions and erases notes, courses, plans and files for good. Name and address are "
            "free again; what others wrote stays."
        ),
        examples={"code": {"identity_code": "042917"}},
        tags=["accounts"],
    ),
    Route(
        "GET",
        "/auth/history/",
        history,
        "Read the account's history",
        query=HistoryQuery,
        answer=HistoryOut,
        description="Sign-ins, revocations, key rotations and changes, newest first. `before` takes `next_before` of the previous page.",
        tags=["accounts"],
    ),
]
