"""How people prove who they are: codes by mail, and the guards that keep others from guessing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from commands.accounts.codes import NOT_CONFIGURED, Purpose, code_mail
from commands.errors import Refused, TooManyTries
from eventstore.codes import Codes, new_code
from eventstore.digests import secret_digest
from eventstore.guards import Guards, network_of
from eventstore.mails import Mail, Mails
from eventstore.statements import Statement


@dataclass(frozen=True, slots=True)
class Guard:
    """So many tries in a window. What a guard counts is said where it is used."""

    name: str
    limit: int
    window: timedelta


WRONG_LOGINS = Guard("login", 10, timedelta(minutes=5))
WRONG_LOGINS_OF_NETWORK = Guard("login-network", 200, timedelta(minutes=5))
WRONG_SPELLINGS = Guard("login-spelling", 10, timedelta(minutes=5))
WRONG_CODES = Guard("code", 20, timedelta(hours=1))
VAIN_CODES = Guard("code-vain", 20, timedelta(hours=1))
WRONG_CODES_OF_NETWORK = Guard("code-network", 200, timedelta(minutes=10))
WRONG_INVITATIONS_OF_NETWORK = Guard("invitation-network", 100, timedelta(minutes=10))
UNKNOWN_ADDRESSES_OF_NETWORK = Guard("unknown-network", 100, timedelta(minutes=10))
MAILS_OF_NETWORK = Guard("mail-network", 1000, timedelta(hours=1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What an answer tells about a mail (contract: accounts 7.2)."""

    message: str
    delivery_fallback: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Proofs:
    """Codes, guards, mails, and the server's secret."""

    codes: Codes
    guards: Guards
    mails: Mails
    key: bytes
    mail_configured: bool
    code_hours: int
    code_page: str | None

    def digest(self, secret: str) -> str:
        """What is stored of a key or an address."""
        return secret_digest(self.key, secret)

    def issuing(self, purpose: Purpose, target: str, *, email: str, username: str, account_id: int) -> Statement:
        """Makes a new code and queues its mail, unless the target is still in its cool-down."""
        code = new_code()
        ttl = purpose.ttl(self.code_hours)
        mail = code_mail(purpose, code, email=email, username=username, ttl=ttl, link=self.code_page)
        sealed = self.mails.sealed(mail)
        return self.codes.issuing(purpose.name, target, code, ttl=ttl, account_id=account_id, mail=sealed)

    def issue(self, purpose: Purpose, target: str, *, email: str, username: str, account_id: int) -> bool:
        """Does it at once; False inside the cool-down."""
        return self.codes.issue(self.issuing(purpose, target, email=email, username=username, account_id=account_id))

    def notify(self, account_id: int, mail: Mail) -> None:
        """Queues a mail that holds no code."""
        self.mails.queue(account_id, mail)

    def delivery(self, purpose: Purpose) -> Delivery:
        """What to answer about the mail that was just queued. Known from the configuration: nobody waits for the mail server."""
        if self.mail_configured:
            return Delivery(message=purpose.sent, delivery_fallback=False)
        return Delivery(message=NOT_CONFIGURED, delivery_fallback=True)

    def checked_code(self, purpose: Purpose, target: str, digits: str, *, network: str, refusal: Refused) -> str:
        """The id of the live code with these digits. Raises the refusal, or TooManyTries."""
        subject = f"{purpose.name} {target}"
        self.admit(WRONG_CODES, subject)
        with self.guarded((WRONG_CODES_OF_NETWORK, network_of(network))):
            code = self.codes.check(purpose.name, target, digits)
            if code is None or not code.fits:
                # Where no code waits there is nothing to guess, and whoever tries shall not keep the owner from the code that comes.
                # Counted as well, under another name: the cost of the answer tells nothing.
                self._count(WRONG_CODES if code else VAIN_CODES, subject)
                raise refusal
            return code.id

    @contextmanager
    def guarded(self, *guards: tuple[Guard, str]) -> Iterator[None]:
        """Counts a refusal raised inside as a wrong try of each subject; lets nobody in whose tries are used up.

        Asked before and after, so that of many tries at once no more get an answer than of tries one after the other.
        """
        for guard, subject in guards:
            self.admit(guard, subject)
        try:
            yield
        except Refused:
            for guard, subject in [pair for pair in guards if self._count(*pair) > pair[0].limit]:
                self.admit(guard, subject)
            raise
        for guard, subject in guards:
            self.admit(guard, subject)

    def is_closed(self, guard: Guard, subject: str) -> bool:
        """Whether the subject's tries are used up."""
        return self._seconds_to_wait(guard, subject) is not None

    def admit(self, guard: Guard, subject: str) -> None:
        """Raises TooManyTries when the subject's tries are used up. An unknown subject is let in."""
        if (seconds := self._seconds_to_wait(guard, subject)) is not None:
            raise TooManyTries(seconds)

    def spend(self, guard: Guard, subject: str) -> None:
        """Counts something that costs others, such as a mail. Raises TooManyTries."""
        if self._count(guard, subject) > guard.limit:
            raise TooManyTries(self._seconds_to_wait(guard, subject) or 1)

    def _count(self, guard: Guard, subject: str) -> int:
        return self.guards.count(guard.name, subject, guard.window) if subject else 0

    def _seconds_to_wait(self, guard: Guard, subject: str) -> int | None:
        return self.guards.seconds_to_wait(guard.name, subject, guard.limit, guard.window) if subject else None
