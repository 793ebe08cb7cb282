"""Delivers queued mails: to the mail server, or into the outbox folder while none is configured.

A mail's row goes when its delivery was confirmed, so a crash in between can deliver once more, under the same Message-ID (and
in the outbox folder under the same file name); what was confirmed and recorded is never sent again.
"""

from __future__ import annotations

import logging
import smtplib
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, timedelta
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from typing import Protocol

from eventstore.addresses import canonical_address
from eventstore.mails import LEASE, Leased, Mails
from metrics import MAILS
from reactors.following import Periodic
from reactors.outbox import write_mail
from settings import Settings

log = logging.getLogger("notechondria.mail")

TIMEOUT_S = 20.0
STEPS = 10
"""On the way there, from the connection over TLS to the last answer about the login; each has the time above."""
CONFIRMED_WITHIN_S = 120.0
"""For each answer about the mail itself. Who hangs up on a server that is still weighing it sends the mail twice (RFC 5321, 4.5.3.2.6)."""
ANSWERS = 4
"""To MAIL, RCPT, DATA, and the mail."""
BEGUN_WITHIN_S = 10.0
"""After so long a round begins with no further mail: a server that keeps us waiting shall not look like a loop that has died."""
MOST_ATTEMPTS = 12
FIRST_DELAY = timedelta(seconds=10)
LONGEST_DELAY = timedelta(hours=1)
MOST_DOUBLINGS = 16
"""A delay that is doubled without end becomes too large for a time before it is compared with the longest."""


class MailSender:
    """Empties the queue. Any number may run at once, in any process: each mail is leased by one of them."""

    def __init__(self, mails: Mails, settings: Settings) -> None:
        self._mails = mails
        self._settings = settings

    def deliver_all(self) -> int:
        """Tries every mail that is due, as far as a round comes; returns how many were delivered."""
        began, delivered = time.monotonic(), 0
        while time.monotonic() - began < BEGUN_WITHIN_S and (leased := self._mails.lease()) is not None:
            delivered += self._deliver(leased)
        return delivered

    def _deliver(self, leased: Leased) -> bool:
        if leased.mail is None:
            log.error("mail %s was queued under another secret key and cannot be sent", leased.id)
            self._mails.remove(leased.id)
            return False
        try:
            message = self._message(leased)
        except Exception:
            # It would be no other at the next attempt, and keeps the mails behind it waiting.
            log.exception("mail %s cannot be written and is given up", leased.id)
            MAILS.labels("failed").inc()
            self._mails.remove(leased.id)
            return False
        try:
            if self._settings.mail_configured:
                self._send(message)
                self._mails.remove(leased.id)
            else:
                self._put_down(leased, message)
        # ValueError: what the settings hold cannot be sent, a login beyond ASCII say.
        except (OSError, smtplib.SMTPException, ValueError) as error:
            self._failed(leased, error)
            return False
        MAILS.labels("delivered").inc()
        return True

    def _put_down(self, leased: Leased, message: EmailMessage) -> None:
        leased_until = time.monotonic() + LEASE.total_seconds()
        path = write_mail(self._settings.outbox, leased.id, leased.account_id, message)
        if not self._mails.remove(leased.id) and time.monotonic() < leased_until:
            # While the lease lasts nobody else delivers it, so the mail was taken back: its account has been erased.
            path.unlink(missing_ok=True)
            return
        log.warning("mail to %s written to %s: smtp_not_configured", message["To"], path)

    def _message(self, leased: Leased) -> EmailMessage:
        assert leased.mail is not None
        message = EmailMessage()
        message["From"] = self._settings.mail_sender
        address = canonical_address(leased.mail.to)
        message["To"] = address
        if [to.addr_spec for to in message["To"].addresses] != [address]:
            raise ValueError("a header would tell another address")
        message["Subject"] = leased.mail.subject
        message["Date"] = format_datetime(leased.created_at.astimezone(UTC))
        domain = parseaddr(self._settings.mail_sender)[1].rpartition("@")[2] or "notechondria.local"
        message["Message-ID"] = f"<mail-{leased.id}-{leased.created_at.timestamp():.6f}@{domain}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(leased.mail.text)
        return message

    def _send(self, message: EmailMessage) -> None:
        with mail_server(self._settings) as server:
            assert server.sock is not None
            server.sock.settimeout(CONFIRMED_WITHIN_S)
            server.send_message(message)

    def _failed(self, leased: Leased, error: Exception) -> None:
        MAILS.labels("failed").inc()
        reason = f"smtp_send_failed:{type(error).__name__}"
        if isinstance(error, ssl.SSLCertVerificationError):
            reason += f" ({error.verify_message})"
        # A folder that cannot be written, on a full disk say, is the operator's to mend: the mail waits for that.
        if (leased.attempts >= MOST_ATTEMPTS and self._settings.mail_configured) or _is_final(error):
            log.error("mail %s given up after %s attempts: %s", leased.id, leased.attempts, reason)
            self._mails.remove(leased.id)
            return
        delay = min(LONGEST_DELAY, FIRST_DELAY * 2 ** min(leased.attempts - 1, MOST_DOUBLINGS))
        log.warning("mail %s waits %s for the next attempt: %s", leased.id, delay, reason)
        self._mails.postpone(leased.id, delay)


def _is_final(error: Exception) -> bool:
    """Whether the server refuses the receiver for good: 4xx asks to come again (RFC 5321 section 4.2.1), as greylisting does."""
    return isinstance(error, smtplib.SMTPRecipientsRefused) and all(code >= 500 for code, _ in error.recipients.values())


@contextmanager
def mail_server(settings: Settings) -> Iterator[smtplib.SMTP]:
    """A connection to the mail server, encrypted and logged in as the settings say. Raises OSError, SMTPException, ValueError."""
    assert settings.smtp_host is not None
    context = ssl.create_default_context(cafile=settings.smtp_ca_file)
    server: smtplib.SMTP
    if settings.smtp_use_ssl:
        server = smtplib.SMTP_SSL(settings.smtp_host, settings.smtp_port, timeout=TIMEOUT_S, context=context)
    else:
        server = smtplib.SMTP(settings.smtp_host, settings.smtp_port, timeout=TIMEOUT_S)
    try:
        if settings.smtp_use_tls and not settings.smtp_use_ssl:
            server.starttls(context=context)
        if settings.smtp_username and settings.smtp_password is not None:
            server.login(settings.smtp_username, settings.smtp_password.get_secret_value())
        yield server
        # What was taken has been taken, however the server says goodbye.
        with suppress(OSError, smtplib.SMTPException):
            server.quit()
    finally:
        server.close()


class MailServices(Protocol):
    """What delivering needs of the services."""

    @property
    def mails(self) -> Mails:
        """The queue."""
        ...

    @property
    def settings(self) -> Settings:
        """Where mails go."""
        ...


def deliver_mails(services: MailServices) -> None:
    """Delivers what is due."""
    MailSender(services.mails, services.settings).deliver_all()


MAIL: Periodic[MailServices] = Periodic("mail", timedelta(milliseconds=400), deliver_mails)
