"""Mail through a real server, and what becomes of mail when there is trouble."""

from __future__ import annotations

import asyncio
import email
import email.policy
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from types import SimpleNamespace

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from eventstore.mails import LEASE, Mail
from reactors.mail import ANSWERS, BEGUN_WITHIN_S, CONFIRMED_WITHIN_S, STEPS, TIMEOUT_S, MailSender
from settings import Settings, load_settings
from wiring import Services, build_services, opened_services, prepare


class Mailbox:
    """Takes every mail, except while it is told to refuse."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.answer = "250 OK"
        self.weighs_for = 0.0

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - the library's name
        await asyncio.sleep(self.weighs_for)
        if self.answer.startswith("250"):
            assert isinstance(envelope.content, bytes)
            mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
            assert isinstance(mail, EmailMessage)
            self.mails.append(mail)
        return self.answer


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
def settings(database_url: str, tmp_path: Path, mailbox: Mailbox) -> Iterator[Settings]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    controller = Controller(mailbox, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield load_settings(
            database_url=database_url, data_dir=tmp_path, smtp_host="127.0.0.1", smtp_port=port, smtp_use_tls=False,
            smtp_from_email="notes@example.org",
        )  # fmt: skip
    finally:
        controller.stop()


@pytest.fixture
def services(settings: Settings) -> Iterator[Services]:
    prepare(settings)
    with opened_services(settings) as services:
        yield services


def queue(services: Services, number: int = 1) -> None:
    for n in range(number):
        services.mails.queue(1, Mail(f"to{n}@example.org", "Hello — ünïcode", f"Line\nCode: 00000{n}\n"))


def due_at_once(services: Services) -> None:
    with services.thread_pool.connection() as connection:
        connection.execute("UPDATE log.mails SET due_at = now()")


def test_mail_reaches_the_server_once(services: Services, settings: Settings, mailbox: Mailbox) -> None:
    queue(services, 20)
    senders = [MailSender(services.mails, settings) for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(lambda sender: sender.deliver_all(), senders)) == 20
    assert senders[0].deliver_all() == 0
    assert sorted(str(mail["To"]) for mail in mailbox.mails) == sorted(f"to{n}@example.org" for n in range(20))
    assert len({mail["Message-ID"] for mail in mailbox.mails}) == 20
    assert mailbox.mails[0]["From"] == "notes@example.org"
    assert mailbox.mails[0]["Subject"] == "Hello — ünïcode"
    assert not settings.outbox.exists()


def test_refused_mail_is_tried_again_later(services: Services, settings: Settings, mailbox: Mailbox) -> None:
    queue(services)
    mailbox.answer = "451 come again"
    sender = MailSender(services.mails, settings)
    assert sender.deliver_all() == 0
    mailbox.answer = "250 OK"
    assert sender.deliver_all() == 0, "not before its time"
    due_at_once(services)
    assert sender.deliver_all() == 1
    assert len(mailbox.mails) == 1


def test_mail_of_a_sender_that_died_goes_out_under_the_same_id(services: Services, settings: Settings, mailbox: Mailbox) -> None:
    queue(services)
    leased = services.mails.lease()
    assert leased is not None
    MailSender(services.mails, settings)._send(MailSender(services.mails, settings)._message(leased))
    assert MailSender(services.mails, settings).deliver_all() == 0, "the lease still runs"
    due_at_once(services)
    assert MailSender(services.mails, settings).deliver_all() == 1
    assert len({mail["Message-ID"] for mail in mailbox.mails}) == 1


def test_mail_that_nobody_takes_is_given_up(services: Services, settings: Settings, mailbox: Mailbox) -> None:
    queue(services)
    mailbox.answer = "554 never"
    sender = MailSender(services.mails, settings)
    for _ in range(12):
        due_at_once(services)
        sender.deliver_all()
    with services.thread_pool.connection() as connection:
        assert connection.execute("SELECT count(*) FROM log.mails").fetchone() == (0,)


def test_server_that_weighs_a_mail_for_long_gets_it_once(
    services: Services, settings: Settings, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reactors.mail.TIMEOUT_S", 0.5)
    mailbox.weighs_for = 1.0
    queue(services)
    assert MailSender(services.mails, settings).deliver_all() == 1
    assert len(mailbox.mails) == 1


def test_a_server_that_keeps_us_waiting_takes_no_more_than_its_part_of_a_round(
    services: Services, settings: Settings, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reactors.mail.time", SimpleNamespace(monotonic=lambda: len(mailbox.mails) * 0.6 * BEGUN_WITHIN_S))
    queue(services, 3)
    assert [MailSender(services.mails, settings).deliver_all() for _ in range(3)] == [2, 1, 0]


def test_lease_lasts_longer_than_the_slowest_delivery() -> None:
    assert LEASE.total_seconds() > STEPS * TIMEOUT_S + ANSWERS * CONFIRMED_WITHIN_S


@pytest.mark.parametrize("address", ["=?utf-8?q??=@example.org", "=?utf-8?q?mira?=@example.org", "=?utf-8?q?a=0D=0AB?=@example.org"])
def test_mail_that_a_header_would_send_elsewhere_is_given_up(
    services: Services, settings: Settings, mailbox: Mailbox, address: str
) -> None:
    services.mails.queue(1, Mail(address, "Verify", "Code: 042917\n"))
    queue(services)
    assert MailSender(services.mails, settings).deliver_all() == 1
    assert [str(mail["To"]) for mail in mailbox.mails] == ["to0@example.org"]
    assert services.mails.waiting(10) == []


def test_mail_that_cannot_be_put_down_for_days_still_waits(services: Services, settings: Settings) -> None:
    queue(services)
    settings.outbox.parent.mkdir(parents=True, exist_ok=True)
    settings.outbox.write_text("no folder")
    without_server = settings.model_copy(update={"smtp_host": None})
    assert not without_server.mail_configured
    with services.thread_pool.connection() as connection:
        connection.execute("UPDATE log.mails SET attempts = 60")
    assert MailSender(services.mails, without_server).deliver_all() == 0
    with services.thread_pool.connection() as connection:
        waits = connection.execute("SELECT due_at - now() BETWEEN '50 minutes' AND '1 hour' FROM log.mails").fetchall()
    assert waits == [(True,)]


def test_queued_mail_cannot_be_read_without_the_secret(services: Services, settings: Settings) -> None:
    queue(services)
    with services.thread_pool.connection() as connection:
        row = connection.execute("SELECT content FROM log.mails").fetchone()
    assert row is not None
    assert b"Code" not in row[0]
    other = build_services(settings.model_copy(update={"secret_key": settings.smtp_password}))
    assert other.key == services.key
    assert services.mails.lease() is not None
    services.mails.postpone(1, timedelta())
