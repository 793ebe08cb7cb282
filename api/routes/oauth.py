"""Signing in with Google or GitHub, linking and unlinking (contract: accounts 13)."""

from __future__ import annotations

from datetime import timedelta
from functools import cache, partial

from starlette.responses import Response

from api.auth_payload import PAYLOAD_EXAMPLE, auth_payload, sign_in_of
from api.call import Call, json_bytes
from api.identity_providers import UNREACHABLE, Exchange, ProviderRefusal, identify, require_configured
from api.routes.credentials import own_id
from api.routing import Route
from api.schemas.oauth import GithubIn, GoogleIn, OauthConfigOut, ProviderConfig, SocialAccountOut, SocialAccountRowOut
from api.schemas.sessions import AuthPayload
from api.writing import carry_out
from commands.accounts.invitation_check import shown_invitation
from commands.accounts.social import (
    RACES,
    TITLES,
    Bound,
    Identity,
    Raced,
    bind,
    bind_problem,
    bound_mail,
    linked_mail,
    sign_in_with,
    unbind,
)
from commands.errors import Conflict, Declined, Invalid
from commands.handling import Work
from commands.lookups import Lookups
from projections.accounts.queries import get_auth_payload, get_social_account, list_social_accounts

NOTHING_SENT = "Send the code that Google gave, or an identity token."
BIND_ELSEWHERE = "To bind an identity to an account, sign in and use /api/v1/auth/bind/{provider}/."
CODES_USED = "oauth-code"
CODE_WINDOW = timedelta(minutes=15)
TRIES_AT_RACES = 10


async def oauth_config(call: Call) -> OauthConfigOut:
    """What apps need to send somebody to a provider."""
    settings = call.services.settings
    return OauthConfigOut(
        google=ProviderConfig(client_id=settings.google_client_id or "", redirect_uri=settings.google_redirect_uri or ""),
        github=ProviderConfig(client_id=settings.github_client_id or "", redirect_uri=settings.github_redirect_uri or ""),
    )


def sign_in_at(provider: str, call: Call) -> Response:
    """Signs in with the identity; makes an account if there is none and the intent allows it."""
    body: GoogleIn | GithubIn = call.body
    if body.intent == "bind":
        raise Declined(BIND_ELSEWHERE.format(provider=provider))
    identity = _identity(call, provider, body)
    services = call.services
    sign_in = sign_in_of(call, provider)

    @cache
    def invitation() -> str | None:
        return shown_invitation(services.lookups, services.proofs, body.invitation_code, network=call.client_address)

    for _ in range(TRIES_AT_RACES):
        try:
            outcome = services.commands.run(
                partial(
                    sign_in_with,
                    identity=identity,
                    intent="login" if body.intent == "login" else "register",
                    invitation=invitation,
                    sign_in=sign_in,
                    reserved=services.settings.reserved_username,
                ),
                call.context(),
                answer=lambda signed_in: get_auth_payload(signed_in.session_id),
                conflicts=RACES,
            )
        except Raced:
            continue
        signed_in = outcome.result
        if signed_in.newly_linked:
            services.proofs.notify(signed_in.account_id, linked_mail(signed_in.newly_linked, identity.title))
        return json_bytes(call, auth_payload(outcome.row, sign_in.key))
    raise Conflict("Others keep taking the name of the new account. Please try again.")


def bind_at(provider: str, call: Call) -> Response:
    """Links the identity to the caller's account."""
    account_id = own_id(call)

    @cache
    def identity() -> Identity:
        try:
            return _identity(call, provider, call.body)
        except ProviderRefusal as refusal:
            raise ProviderRefusal(refusal.status, refusal.phase, bind_problem(provider, refusal.phase, refusal.cause.rstrip("."))) from None

    taken = Conflict(bind_problem(provider, "db_write", "this identity is linked to another account"))

    def decide(work: Work[Lookups]) -> Bound:
        # Only now: a repetition of the request is answered without the code, which is spent.
        return bind(work, account_id, identity())

    def tell(bound: Bound) -> None:
        if bound.tell:
            call.services.proofs.notify(account_id, bound_mail(bound.tell, TITLES[provider]))

    return carry_out(
        call,
        decide,
        lambda bound, row: (200 if bound.replaced else 201, row[0] if row else b""),
        answer=lambda _: get_social_account(provider),
        conflicts={"social_links_identity_unique": taken},
        then=tell,
    )


def _identity(call: Call, provider: str, body: GoogleIn | GithubIn) -> Identity:
    id_token = body.id_token if isinstance(body, GoogleIn) else ""
    if not body.code and not id_token:
        raise Invalid({"non_field_errors": [NOTHING_SENT]})
    require_configured(call.services.settings, provider)
    guards, code = call.services.proofs.guards, f"{provider} {body.code}"
    # A code is spent by its first use here, whatever came of it, unless the provider was not there to see it.
    if body.code and guards.count(CODES_USED, code, CODE_WINDOW) > 1:
        raise ProviderRefusal(400, "token_exchange", f"This {TITLES[provider]} code was used before.")
    try:
        return identify(call.services.settings, provider, Exchange(body.code, body.redirect_uri, id_token))
    except ProviderRefusal as refusal:
        if refusal.status == UNREACHABLE and refusal.phase == "token_exchange":
            guards.clear(CODES_USED, code)
        raise


async def social_accounts(call: Call) -> bytes:
    """The caller's linked identities."""
    (listed,) = await call.ask(list_social_accounts())
    return bytes(listed)


def unlink(call: Call) -> Response:
    """Removes the link of a provider."""
    account_id, provider = own_id(call), call.path["provider"]

    def decide(work: Work[Lookups]) -> None:
        unbind(work, account_id, provider)

    return carry_out(call, decide, lambda _, __: (204, b""))


def google(call: Call) -> Response:
    """Signs in with Google."""
    return sign_in_at("google", call)


def github(call: Call) -> Response:
    """Signs in with GitHub."""
    return sign_in_at("github", call)


def bind_google(call: Call) -> Response:
    """Binds a Google identity."""
    return bind_at("google", call)


def bind_github(call: Call) -> Response:
    """Binds a GitHub identity."""
    return bind_at("github", call)


LINK_EXAMPLE = {"id": 14, "provider": "github", "provider_uid": "5551234", "email": "mira@example.org"}
CODE_EXAMPLE = {"code": {"code": "4/0AX4XfWh", "intent": "login"}}
SIGN_IN_TEXT = "With `intent` `login`, an unknown identity gets 404 `not_registered`; with `register`, an account is created."

ROUTES = [
    Route(
        "GET",
        "/auth/oauth-config/",
        oauth_config,
        "List sign-in providers",
        description="What apps need to begin a sign-in; empty for a provider that is not set up.",
        caller="open",
        answer=OauthConfigOut,
        tags=["accounts"],
    ),
    Route(
        "POST",
        "/auth/google/",
        google,
        "Sign in with Google",
        caller="open",
        body=GoogleIn,
        answer=AuthPayload,
        description=SIGN_IN_TEXT,
        examples=CODE_EXAMPLE,
        answer_example=PAYLOAD_EXAMPLE,
        tags=["accounts"],
        elsewhere=True,
    ),
    Route(
        "POST",
        "/auth/github/",
        github,
        "Sign in with GitHub",
        caller="open",
        body=GithubIn,
        answer=AuthPayload,
        description=SIGN_IN_TEXT,
        examples=CODE_EXAMPLE,
        answer_example=PAYLOAD_EXAMPLE,
        tags=["accounts"],
        elsewhere=True,
    ),
    Route(
        "POST",
        "/auth/bind/google/",
        bind_google,
        "Link a Google identity",
        caller="session_only",
        body=GoogleIn,
        answer=SocialAccountOut,
        status=201,
        answers={200: SocialAccountOut},
        description="201 for a new link, 200 if it replaced another one.",
        examples={"code": {"code": "4/0AX4XfWh"}},
        answer_example=LINK_EXAMPLE,
        tags=["accounts"],
        elsewhere=True,
    ),
    Route(
        "POST",
        "/auth/bind/github/",
        bind_github,
        "Link a GitHub identity",
        caller="session_only",
        body=GithubIn,
        answer=SocialAccountOut,
        status=201,
        answers={200: SocialAccountOut},
        description="201 for a new link, 200 if it replaced another one.",
        examples={"code": {"code": "e72e16c7e42f292c6912"}},
        answer_example=LINK_EXAMPLE,
        tags=["accounts"],
        elsewhere=True,
    ),
    Route(
        "GET",
        "/auth/social-accounts/",
        social_accounts,
        "List linked identities",
        answer=list[SocialAccountRowOut],
        answer_example=[{**LINK_EXAMPLE, "created_at": "2026-04-20T18:44:09.501220Z"}],
        tags=["accounts"],
    ),
    Route(
        "DELETE",
        "/auth/social-accounts/{provider}/",
        unlink,
        "Unlink an identity",
        description="The last way to sign in cannot be removed.",
        caller="session_only",
        status=204,
        tags=["accounts"],
    ),
]
