"""Mail by SMTP over TLS with a login, and servers that are not to be trusted, refuse or hang up."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.doctor import _mail
from eventstore.mails import Mail
from reactors.mail import MailSender
from settings import Settings, load_settings
from tests.accounts.mail_servers import PASSWORD, USERNAME, Certificate, Mailbox, free_port, make_certificate, serving_mail
from wiring import Services, opened_services, prepare

Configure = Callable[..., Settings]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture(scope="module")
def opened(settings: Settings) -> Iterator[Services]:
    prepare(settings)
    with opened_services(settings) as services:
        yield services


@pytest.fixture
def services(opened: Services) -> Services:
    """With no mail on its way."""
    with opened.thread_pool.connection() as connection:
        connection.execute("DELETE FROM log.mails")
    return opened


@pytest.fixture
def configured(services: Services, certificate: Certificate) -> Configure:
    """Settings that trust the certificate and log in, unless told otherwise."""

    def configure(port: int, **chosen: Any) -> Settings:
        usual = {
            "smtp_host": "127.0.0.1", "smtp_port": port, "smtp_username": USERNAME, "smtp_password": PASSWORD,
            "smtp_ca_file": certificate.certificate,
        }  # fmt: skip
        base = services.settings
        return load_settings(database_url=base.conninfo(), data_dir=base.data_dir, **(usual | chosen))

    return configure


def deliver(services: Services, settings: Settings, to: str = "mira@example.org") -> int:
    """Queues a mail and tries all that are due; how many were delivered."""
    services.mails.queue(1, Mail(to, "Verify", "Code: 042917\n"))
    return MailSender(services.mails, settings).deliver_all()


def waiting(services: Services) -> int:
    return len(services.mails.waiting(10))


@pytest.mark.parametrize("implicit", [False, True])
def test_mail_goes_out_encrypted_and_with_a_login(
    services: Services, configured: Configure, certificate: Certificate, mailbox: Mailbox, implicit: bool
) -> None:
    context = certificate.context()
    # Where TLS begins with the first byte the library does not see it, and would not offer the login.
    explicitly = {"tls_context": context, "require_starttls": True, "auth_required": True}
    options = {"ssl_context": context, "auth_require_tls": False} if implicit else explicitly
    with serving_mail(mailbox, **options) as port:
        settings = configured(port, smtp_use_ssl=implicit)
        assert deliver(services, settings) == 1
        assert _mail(settings).state == "ok"
    assert [str(mail["To"]) for mail in mailbox.mails] == ["mira@example.org"]
    assert str(mailbox.mails[0]["From"]) == USERNAME
    assert mailbox.encrypted == [True]
    assert mailbox.logins == [True, True]
    assert waiting(services) == 0


@pytest.mark.parametrize("implicit", [False, True])
def test_server_that_cannot_show_who_it_is_gets_neither_password_nor_mail(
    services: Services, configured: Configure, certificate: Certificate, mailbox: Mailbox, tmp_path: Path,
    implicit: bool, caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    context = certificate.context()
    options = {"ssl_context": context, "auth_require_tls": False} if implicit else {"tls_context": context}
    elsewhere = make_certificate(tmp_path, "127.0.0.9")
    with serving_mail(mailbox, **options) as port:
        for trusted in (None, elsewhere.certificate):
            settings = configured(port, smtp_use_ssl=implicit, smtp_ca_file=trusted)
            assert deliver(services, settings) == 0
            found = _mail(settings)
            assert found.state == "fail"
            assert "SMTP_CA_FILE" in str(found)
    assert (mailbox.mails, mailbox.logins) == ([], [])
    assert waiting(services) == 2
    assert "smtp_send_failed:SSLCertVerificationError (self-signed certificate)" in caplog.text
    assert "042917" not in caplog.text


def test_certificate_of_another_host_is_refused(
    services: Services, configured: Configure, mailbox: Mailbox, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    other = make_certificate(tmp_path, "127.0.0.9")
    with serving_mail(mailbox, tls_context=other.context()) as port:
        assert deliver(services, configured(port, smtp_ca_file=other.certificate)) == 0
    assert mailbox.mails == []
    assert "mismatch" in caplog.text


def test_server_that_offers_no_encryption_gets_nothing(services: Services, configured: Configure, mailbox: Mailbox) -> None:
    with serving_mail(mailbox, auth_require_tls=False) as port:
        assert deliver(services, configured(port)) == 0
        assert (mailbox.mails, mailbox.logins) == ([], [])
        assert MailSender(services.mails, configured(port, smtp_use_tls=False)).deliver_all() == 0, "not before its time"


def test_wrong_password_is_told_and_the_mail_waits(
    services: Services, configured: Configure, certificate: Certificate, mailbox: Mailbox, caplog: pytest.LogCaptureFixture
) -> None:
    with serving_mail(mailbox, tls_context=certificate.context(), auth_required=True) as port:
        wrong = configured(port, smtp_password="another-secret")
        assert deliver(services, wrong) == 0
        assert _mail(wrong).state == "fail"
        assert set(mailbox.logins) == {False}
        assert waiting(services) == 1
        with services.thread_pool.connection() as connection:
            connection.execute("UPDATE log.mails SET due_at = now()")
        assert MailSender(services.mails, configured(port)).deliver_all() == 1
    assert "smtp_send_failed:SMTPAuthenticationError" in caplog.text
    assert "another-secret" not in caplog.text


@pytest.mark.parametrize("login", [{"smtp_password": "pässwört"}, {"smtp_username": "mirä"}])
def test_login_that_cannot_be_sent_is_told_and_the_mail_waits(
    services: Services,
    configured: Configure,
    certificate: Certificate,
    mailbox: Mailbox,
    caplog: pytest.LogCaptureFixture,
    login: dict[str, str],
) -> None:
    with serving_mail(mailbox, tls_context=certificate.context(), auth_required=True) as port:
        unsendable = configured(port, **login)
        assert deliver(services, unsendable) == 0
        found = _mail(unsendable)
        assert (found.state, "holds characters that cannot be sent" in found.found, "ä" in str(found)) == ("fail", True, False)
        assert waiting(services) == 1
    assert "waits 0:00:10 for the next attempt: smtp_send_failed:UnicodeEncodeError" in caplog.text


@pytest.mark.parametrize(
    ("behaviour", "delivered", "left"),
    [
        ({"data": "451 come again"}, 0, 1), ({"data": "554 never"}, 0, 1), ({"hangs_up": True}, 0, 1),
        ({"receiver": "450 greylisted, come again"}, 0, 1), ({"receiver": "550 nobody here"}, 0, 0),
        ({"goodbye": "421 tired"}, 1, 0),
    ],
)  # fmt: skip
def test_what_a_server_answers_decides_what_becomes_of_the_mail(
    services: Services, configured: Configure, certificate: Certificate, mailbox: Mailbox,
    behaviour: dict[str, Any], delivered: int, left: int,
) -> None:  # fmt: skip
    for name, value in behaviour.items():
        setattr(mailbox, name, value)
    with serving_mail(mailbox, tls_context=certificate.context()) as port:
        assert deliver(services, configured(port)) == delivered
    assert len(mailbox.mails) == delivered
    assert waiting(services) == left


def test_server_that_is_not_there_costs_nothing_but_time(services: Services, configured: Configure) -> None:
    settings = configured(free_port())
    assert deliver(services, settings) == 0
    assert waiting(services) == 1
    assert _mail(settings).state == "fail"


def test_domain_in_its_own_script_is_mailed_to_as_dns_writes_it(
    services: Services, configured: Configure, certificate: Certificate, mailbox: Mailbox
) -> None:
    with serving_mail(mailbox, tls_context=certificate.context(), enable_SMTPUTF8=False) as port:
        assert deliver(services, configured(port), to="mira@bücher.example") == 1
    assert str(mailbox.mails[0]["To"]) == "mira@xn--bcher-kva.example"
