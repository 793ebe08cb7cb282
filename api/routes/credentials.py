"""Passwords, identity codes, addresses and API keys (contract: accounts 10 to 12)."""

from __future__ import annotations

from dataclasses import asdict
from functools import cache, partial
from typing import Any

import orjson
from starlette.responses import Response

from api.auth_payload import PAYLOAD_EXAMPLE, session_of, sign_in_of
from api.call import Call, json_bytes
from api.routing import Route
from api.schemas.accounts import (
    AddressedDeliveryOut,
    ApiKeyOut,
    ChangeEmailIn,
    ChangePasswordIn,
    EmailChangeOut,
    EmailIn,
    IdentityCodeOut,
    ResetIn,
)
from api.schemas.messages import MessageOut
from api.schemas.sessions import PasswordChangedOut
from api.validation import REQUIRED
from api.writing import carry_out
from commands.accounts import email_change
from commands.accounts.api_keys import fresh_key, key_made_mail, rotate_api_key
from commands.accounts.codes import IDENTITY, NEW_ADDRESS, RESET
from commands.accounts.password_change import password_change, password_changed_mail, password_reset, request_reset
from commands.accounts.settings import address_changed_mail
from commands.accounts.sign_in import forget_wrong_logins
from commands.errors import Invalid
from commands.handling import Work
from commands.lookups import Lookups
from projections.accounts.queries import get_auth_payload

BLANK = "This field may not be blank."


def ask_for_reset(call: Call) -> Response:
    """Mails a reset code."""
    body: EmailIn = call.body
    proofs = call.services.proofs
    request_reset(call.services.lookups, proofs, email=body.email, network=call.client_address)
    return json_bytes(call, orjson.dumps({**asdict(proofs.delivery(RESET)), "email": body.email}))


def confirm_reset(call: Call) -> Response:
    """Sets a new password with the mailed code, and ends all sessions."""
    body: ResetIn = call.body
    services = call.services
    decide, code_id = password_reset(
        services.lookups, services.proofs, email=body.email, digits=body.code, password=body.password, network=call.client_address
    )
    account_id = services.commands.run(decide, call.context()).result
    services.proofs.codes.discard(code_id)
    # Whoever has forgotten a password has often tried it too many times before.
    forget_wrong_logins(services.lookups, services.proofs, account_id)
    services.proofs.notify(account_id, password_changed_mail(body.email))
    return json_bytes(call, b'{"message":"Password changed. Sign in with the new one."}')


def send_identity_code(call: Call) -> Response:
    """Mails a code to the account's address, which changes of the account ask for."""
    proofs = call.services.proofs
    account_id = own_id(call)

    @cache
    def send() -> str:
        return email_change.send_identity_code(call.services.lookups, proofs, account_id, network=call.client_address)

    def respond(email: str, _: object) -> tuple[int, bytes]:
        return 200, orjson.dumps({**asdict(proofs.delivery(IDENTITY)), "masked_email": email_change.masked(email)})

    # No event: it is a command for the sake of its Idempotency-Key.
    return carry_out(call, lambda _: send(), respond)


def change_password(call: Call) -> Response:
    """Sets a new password, ends all sessions, and starts one for this device."""
    body: ChangePasswordIn = call.body
    services, account_id = call.services, own_id(call)
    sign_in = sign_in_of(call, "password_change")
    decide, code_id = password_change(
        services.lookups,
        services.proofs,
        account_id,
        current=body.current_password,
        new=body.new_password,
        digits=body.identity_code,
        sign_in=sign_in,
        network=call.client_address,
    )

    def respond(_: int, row: tuple[Any, ...] | None) -> tuple[int, bytes]:
        assert row is not None
        message = "Password changed. Other devices have been signed out."
        return 200, orjson.dumps({"message": message, "token": sign_in.key, "session": session_of(*row[1:5])})

    def tell(_: int) -> None:
        services.proofs.codes.discard(code_id())
        if (holder := services.lookups.holder(account_id)) is not None and holder[1]:
            services.proofs.notify(account_id, password_changed_mail(holder[1]))

    return carry_out(call, decide, respond, answer=get_auth_payload, then=tell, secret=True)


def change_email(call: Call) -> Response:
    """Moves the account to another address: the first step mails a code there, the second brings it back."""
    body: ChangeEmailIn = call.body
    if body.code:
        return _confirm_email(call, body.new_email, body.code)
    if not body.identity_code:
        sent = "identity_code" in body.model_fields_set and body.identity_code is not None
        raise Invalid({"identity_code": [BLANK if sent else REQUIRED]})
    return _request_email(call, body.new_email, body.identity_code)


def _request_email(call: Call, email: str, digits: str) -> Response:
    proofs, account_id = call.services.proofs, own_id(call)
    decide, code_id = email_change.request_email_change(
        call.services.lookups, proofs, account_id, email=email, digits=digits, network=call.client_address
    )
    mailing = partial(email_change.new_address_code, proofs, account_id, email)
    answer = orjson.dumps({**asdict(proofs.delivery(NEW_ADDRESS)), "email": email})
    return carry_out(call, decide, lambda _, __: (200, answer), answer=mailing, then=lambda _: proofs.codes.discard(code_id()))


def _confirm_email(call: Call, email: str, digits: str) -> Response:
    proofs, account_id = call.services.proofs, own_id(call)
    decide, code_id = email_change.confirm_email_change(proofs, account_id, email=email, digits=digits, network=call.client_address)

    def tell(old: str) -> None:
        proofs.codes.discard(code_id())
        if old:
            proofs.notify(account_id, address_changed_mail(old, email))

    answer = orjson.dumps({"message": "Address changed.", "email": email})
    return carry_out(call, decide, lambda _, __: (200, answer), conflicts=email_change.CONFLICTS, then=tell)


def rotate(call: Call) -> Response:
    """Makes a new API key; the old one is dead at once."""
    account_id, key = own_id(call), fresh_key()
    digest = call.services.proofs.digest(key.text)

    def decide(work: Work[Lookups]) -> str:
        return rotate_api_key(work, account_id, digest, key.prefix)

    def tell(email: str) -> None:
        if email:
            call.services.proofs.notify(account_id, key_made_mail(email))

    answer = orjson.dumps(
        {
            "api_key": key.text,
            "api_key_prefix": key.prefix,
            "rotated_at": call.context().now.isoformat(),
            "mcp_endpoint": f"{call.origin}/mcp/",
        }
    )
    return carry_out(call, decide, lambda _, __: (200, answer), then=tell, secret=True)


def own_id(call: Call) -> int:
    """The caller's account; the route lets nobody in without one."""
    account_id = call.identify_now().account_id
    assert account_id is not None
    return account_id


MAILED = {"message": "Email sent.", "delivery_fallback": False}

ROUTES = [
    Route(
        "POST",
        "/auth/password-reset/",
        ask_for_reset,
        "Request a password reset",
        description="A code is mailed to the address.",
        caller="open",
        body=EmailIn,
        answer=AddressedDeliveryOut,
        examples={"address": {"email": "mira@example.org"}},
        answer_example={"message": RESET.sent, "delivery_fallback": False, "email": "mira@example.org"},
        tags=["accounts"],
    ),
    Route(
        "POST",
        "/auth/password-reset/confirm/",
        confirm_reset,
        "Reset the password",
        description="Sets a new password with the mailed code. All sessions end.",
        caller="open",
        body=ResetIn,
        answer=MessageOut,
        examples={"code": {"email": "mira@example.org", "code": "042917", "password": "Correct-horse-8"}},
        tags=["accounts"],
    ),
    Route(
        "POST",
        "/auth/send-identity-code/",
        send_identity_code,
        "Request an identity code",
        description="Mailed to the account's address; needed to change password or address and to erase the account.",
        caller="session_only",
        answer=IdentityCodeOut,
        answer_example={**MAILED, "masked_email": "m***@example.org"},
        tags=["accounts"],
    ),
    Route(
        "POST",
        "/auth/change-password/",
        change_password,
        "Change the password",
        description="All sessions end; the response carries a new one.",
        caller="session_only",
        body=ChangePasswordIn,
        answer=PasswordChangedOut,
        examples={"change": {"current_password": "Correct-horse-7", "new_password": "Correct-horse-8", "identity_code": "042917"}},
        answer_example={
            "message": "Password changed. Other devices have been signed out.",
            "token": PAYLOAD_EXAMPLE["token"],
            "session": PAYLOAD_EXAMPLE["session"],
        },
        tags=["accounts"],
    ),
    Route(
        "POST",
        "/auth/change-email/",
        change_email,
        "Change the email address",
        description="First send the new address with an identity code, then the same address with the code that was mailed to it.",
        caller="session_only",
        body=ChangeEmailIn,
        answer=EmailChangeOut,
        examples={
            "first": {"new_email": "mira@example.net", "identity_code": "042917"},
            "second": {"new_email": "mira@example.net", "code": "306152"},
        },
        answer_example={**MAILED, "email": "mira@example.net"},
        tags=["accounts"],
    ),
    Route(
        "POST",
        "/auth/rotate-api-key/",
        rotate,
        "Create or replace the API key",
        description="The key is shown only in this response; the previous one stops working.",
        caller="session_only",
        answer=ApiKeyOut,
        answer_example={
            "api_key": "ntc_5d0a3f77c2e94b1886af01b2c3d4e5f6",
            "api_key_prefix": "ntc_5d0a",
            "rotated_at": "2031-04-12T09:15:00.120000+00:00",
            "mcp_endpoint": "https://notes.example.org/mcp/",
        },
        tags=["accounts"],
    ),
]
