"""Signing in with an identity at Google or GitHub, linking and unlinking one (contract: accounts 13)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from commands.accounts.aggregate import Account
from commands.accounts.lookups import AccountLookups
from commands.accounts.refusals import own_account
from commands.accounts.registration import open_account
from commands.accounts.rules import is_reserved, without_invisible
from commands.accounts.starter import give_starter_content
from commands.errors import Conflict, Declined, Invalid, Refused
from commands.handling import Work
from commands.invitations import admitting_invitation, use_invitation
from commands.lookups import Lookups
from commands.sessions import SignIn, start_session
from eventstore.events import accounts
from eventstore.mails import Mail

LONGEST_NAME = 150
LONGEST_STEM = 145
LONGEST_FIRST_NAME = 30
TITLES = {"google": "Google", "github": "GitHub"}

Intent = Literal["login", "register"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Somebody at a provider, as the provider tells."""

    provider: str
    uid: str
    email: str
    """The address that the provider has verified, empty when there is none."""
    login: str
    """The user name there, empty when there is none."""
    display_name: str
    extra: dict[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """The provider's name for people."""
        return TITLES[self.provider]


@dataclass(frozen=True, slots=True)
class SignedIn:
    """What signing in came to."""

    session_id: int
    account_id: int
    newly_linked: str | None
    """The address of an account of before that the identity was just linked to."""


@dataclass(frozen=True, slots=True)
class Bound:
    """What binding came to."""

    replaced: bool
    """Whether the account had an identity of the provider."""
    tell: str
    """The address to tell; empty where there is nothing new, or no proven address."""


class Raced(Exception):
    """Somebody else took the name, the address or the identity meanwhile: to be decided again."""


RACES = {name: Raced() for name in ("accounts_username_unique", "accounts_email_unique", "social_links_identity_unique")}


class NotRegistered(Refused):
    """There is no account for this identity, and none was to be made."""

    status = 404

    def __init__(self, title: str) -> None:
        super().__init__({"detail": f"No account found for this {title} identity. Please register first.", "code": "not_registered"})


def sign_in_with(
    work: Work[Lookups],
    identity: Identity,
    *,
    intent: Intent,
    invitation: Callable[[], str | None],
    sign_in: SignIn,
    reserved: str | None,
) -> SignedIn:
    """Finds the account by identity, then by verified address, else makes one; starts a session.

    invitation: gives the digest of the code that was shown, None without one; asked only for a new account.
    reserved: a name that is not given.
    """
    linked = work.lookups.account_of_identity(identity.provider, identity.uid)
    if linked is not None:
        account = own_account(work, linked)
        _refuse_disabled(account)
        _refresh(work, account, identity)
        return _signed_in(work, account, sign_in)
    holder = work.lookups.account_of_email(identity.email) if identity.email else None
    if holder is not None:
        return _link_by_address(work, own_account(work, holder), identity, sign_in)
    if intent == "login":
        raise NotRegistered(identity.title)
    return _open(work, identity, invitation, sign_in, reserved)


def _link_by_address(work: Work[Lookups], account: Account, identity: Identity, sign_in: SignIn) -> SignedIn:
    """Links to the account whose address both sides have verified, and tells its holder; anything less has to be done by hand."""
    _refuse_disabled(account)
    if account.links.get(identity.provider) == identity.uid:
        # Linked between the two questions, by a sign-in of the same person at the same moment.
        return _signed_in(work, account, sign_in)
    if account.state == "pending":
        # Whoever registered this address never showed that it is theirs: the provider's word takes its place.
        account.trigger(accounts.PasswordDropped, work.context.now)
        account.trigger(accounts.AccountVerified, work.context.now)
        give_starter_content(work, account)
    elif not account.email_verified or identity.provider in account.links:
        raise Conflict(f"An account with this address exists. Sign in to it and bind the {identity.title} identity in its settings.")
    _link(work, account, identity)
    return _signed_in(work, account, sign_in, newly_linked=account.email)


def _open(work: Work[Lookups], identity: Identity, shown: Callable[[], str | None], sign_in: SignIn, reserved: str | None) -> SignedIn:
    try:
        invitation = admitting_invitation(work, shown())
    except Invalid as refusal:
        # The one place where clients expect the sentence itself and not a list of sentences.
        raise Refused({name: texts[0] for name, texts in refusal.body.items()}) from None
    first, _, last = " ".join(identity.display_name.split()).partition(" ")
    account = open_account(
        work,
        username=_free_name(work, _base_name(identity), reserved),
        email=identity.email,
        password_hash=None,
        first_name=first[:LONGEST_FIRST_NAME],
        last_name=last[:LONGEST_NAME],
        invitation_id=invitation.number if invitation else None,
    )
    if invitation is not None:
        use_invitation(work, invitation, account.number)
    _link(work, account, identity)
    return _signed_in(work, account, sign_in)


def _signed_in(work: Work[Lookups], account: Account, sign_in: SignIn, *, newly_linked: str | None = None) -> SignedIn:
    session_id = start_session(work, account.number, account.epoch, sign_in)
    return SignedIn(session_id, account.number, newly_linked)


def _refuse_disabled(account: Account) -> None:
    if account.state in ("disabled", "erasing"):
        raise Declined("User account is disabled.")


def _base_name(identity: Identity) -> str:
    """Wider than registration takes, but no at sign and nothing that does not show, as in the settings."""
    told = identity.login or identity.email
    return without_invisible(told.partition("@")[0]) or f"{identity.provider}_user"


def _free_name(work: Work[Lookups], base: str, reserved: str | None) -> str:
    name, number = base[:LONGEST_NAME], 0
    while work.lookups.account_of_username(name) is not None or is_reserved(name, reserved):
        number += 1
        name = f"{base[:LONGEST_STEM]}_{number}"
    return name


def _link(work: Work[AccountLookups], account: Account, identity: Identity) -> int:
    link_id = work.lookups.next_id("social_link")
    account.trigger(
        accounts.SocialAccountLinked,
        work.context.now,
        link_id=link_id,
        provider=identity.provider,
        provider_uid=identity.uid,
        email=identity.email,
        extra=identity.extra,
    )
    return link_id


def _refresh(work: Work[AccountLookups], account: Account, identity: Identity) -> None:
    told = (identity.email, tuple(sorted(identity.extra.items())))
    if account.told.get(identity.provider) != told:
        account.trigger(
            accounts.SocialAccountRefreshed,
            work.context.now,
            provider=identity.provider,
            email=identity.email,
            extra=identity.extra,
        )


def bind(work: Work[AccountLookups], account_id: int, identity: Identity) -> Bound:
    """Links the identity to the caller's account, in the place of another one of the provider."""
    account = own_account(work, account_id)
    linked = work.lookups.account_of_identity(identity.provider, identity.uid)
    if linked is not None and linked != account_id:
        raise Conflict(bind_problem(identity.provider, "db_write", "this identity is linked to another account"))
    replaced = identity.provider in account.links
    if account.links.get(identity.provider) == identity.uid:
        _refresh(work, account, identity)
        return Bound(replaced, tell="")
    _link(work, account, identity)
    return Bound(replaced, account.proven_email)


def unbind(work: Work[AccountLookups], account_id: int, provider: str) -> None:
    """Removes the link, unless it is the last way to sign in."""
    account = own_account(work, account_id)
    if provider not in account.links:
        raise NoSuchLink(provider)
    if account.password_hash is None and len(account.links) == 1:
        raise Declined("Not unlinked: this is the only way to sign in to the account. Set a password by reset first.")
    account.trigger(accounts.SocialAccountUnlinked, work.context.now, provider=provider)


class NoSuchLink(Refused):
    """The account has no link of this provider."""

    status = 404

    def __init__(self, provider: str) -> None:
        super().__init__({"detail": f"No {provider[:40]} account linked."})


def bind_problem(provider: str, phase: str, cause: str) -> str:
    """The sentence of a failed binding."""
    return f"Account not linked: Backend.Creators.Auth/bind.{provider}.{phase} — {cause}."


def linked_mail(email: str, title: str) -> Mail:
    """Tells the holder that an identity was linked by its address."""
    text = (
        f"Somebody signed in to your Notechondria account with a {title} identity that has the same verified address,\n"
        "and it can be used to sign in from now on. It can be unlinked in the settings.\n"
    )
    return Mail(email, f"{title} can now be used to sign in to Notechondria", text)


def bound_mail(email: str, title: str) -> Mail:
    """Tells the holder that an identity was bound by somebody who was signed in."""
    text = (
        f"A {title} identity was bound to your Notechondria account, and can be used to sign in from now on.\n\n"
        "If this was not you, reset the password from the sign-in page, sign in, and unlink the identity in the settings.\n"
    )
    return Mail(email, f"{title} can now be used to sign in to Notechondria", text)
