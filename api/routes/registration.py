"""Registering and verifying an address (contract: accounts 6)."""

from __future__ import annotations

from dataclasses import asdict

import orjson
from starlette.responses import Response

from api.auth_payload import PAYLOAD_EXAMPLE, auth_payload, sign_in_of
from api.call import Call, json_bytes
from api.routing import Route
from api.schemas.accounts import (
    AddressedDeliveryOut,
    DeliveryOut,
    EmailIn,
    InvitationIn,
    InvitationOut,
    RegisterIn,
    VerifyIn,
)
from api.schemas.sessions import AuthPayload
from commands.accounts.codes import REGISTRATION
from commands.accounts.invitation_check import try_invitation
from commands.accounts.registration import password_dropped_mail, prepare_registration, prepare_verification, resend_code
from projections.accounts.queries import get_auth_payload


def register(call: Call) -> Response:
    """Makes a pending account and mails a code to its address."""
    body: RegisterIn = call.body
    proofs = call.services.proofs
    decide, mailing = prepare_registration(
        call.services.lookups,
        proofs,
        username=body.username,
        email=body.email,
        password=body.password,
        invitation_code=body.invitation_code,
        network=call.client_address,
        reserved=call.services.settings.reserved_username,
    )
    # Who loses a race for the address finds a pending account at it, and takes it over as somebody later would.
    call.services.commands.run(decide, call.context(), answer=mailing)
    delivery = proofs.delivery(REGISTRATION)
    return json_bytes(call, orjson.dumps({**asdict(delivery), "email": body.email}))


def validate_invitation(call: Call) -> InvitationOut:
    """Says whether a code is needed, and whether this one can be used. Nothing is used up."""
    body: InvitationIn = call.body
    code = body.invitation_code.strip() if isinstance(body.invitation_code, str) else ""
    required, valid = try_invitation(call.services.lookups, call.services.proofs, code, network=call.client_address)
    return InvitationOut(required=required, valid=valid)


def verify_email(call: Call) -> Response:
    """Opens the account with the mailed code, and signs in."""
    body: VerifyIn = call.body
    services = call.services
    sign_in = sign_in_of(call, "verification")
    decide, code_id, account_id = prepare_verification(
        services.lookups, services.proofs, email=body.email, digits=body.code, sign_in=sign_in, network=call.client_address
    )
    outcome = services.commands.run(decide, call.context(), answer=lambda done: get_auth_payload(done.session_id))
    services.proofs.codes.discard(code_id)
    if outcome.result.password_dropped:
        services.proofs.notify(account_id, password_dropped_mail(body.email))
    return json_bytes(call, auth_payload(outcome.row, sign_in.key))


def resend_verification(call: Call) -> Response:
    """Mails a new code to an address that waits for one."""
    body: EmailIn = call.body
    proofs = call.services.proofs
    resend_code(call.services.lookups, proofs, email=body.email, network=call.client_address)
    return json_bytes(call, orjson.dumps(asdict(proofs.delivery(REGISTRATION))))


ROUTES = [
    Route(
        "POST",
        "/auth/register/",
        register,
        "Register an account",
        caller="open",
        body=RegisterIn,
        answer=AddressedDeliveryOut,
        status=201,
        description="Creates an account that can sign in once the mailed code has been sent to `/auth/verify-email/`.",
        examples={"open": {"username": "mira", "email": "mira@example.org", "password": "Correct-horse-7"}},
        answer_example={"message": "Verification email sent.", "delivery_fallback": False, "email": "mira@example.org"},
        tags=["accounts"],
    ),
    Route(
        "POST",
        "/auth/validate-invitation/",
        validate_invitation,
        "Validate an invitation code",
        description="Does not use it up.",
        caller="open",
        body=InvitationIn,
        answer=InvitationOut,
        examples={"code": {"invitation_code": "spring-class"}},
        answer_example={"required": True, "valid": True},
        tags=["accounts"],
    ),
    Route(
        "POST",
        "/auth/verify-email/",
        verify_email,
        "Verify the email address and sign in",
        caller="open",
        body=VerifyIn,
        answer=AuthPayload,
        examples={"code": {"email": "mira@example.org", "code": "042917"}},
        answer_example=PAYLOAD_EXAMPLE,
        tags=["accounts"],
    ),
    Route(
        "POST",
        "/auth/resend-verification/",
        resend_verification,
        "Request another verification code",
        caller="open",
        body=EmailIn,
        answer=DeliveryOut,
        examples={"address": {"email": "mira@example.org"}},
        answer_example={"message": "Verification email sent.", "delivery_fallback": False},
        tags=["accounts"],
    ),
]
