"""After everything that secrets are used for, no log, no dump and no file of the server holds one of them.

The server keeps its database in its data folder, so the folder's files are also those of the tables and of the write-ahead log: what was
there for a moment only would be found as well.
"""

from __future__ import annotations

import re
import secrets
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import orjson
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from settings import embedded_conninfo
from tests.accounts.provider import CLIENT_ID, Profile, Provider
from tests.accounts.test_mail import Mailbox
from tests.calendars.feed_server import CALENDAR, body, feed_server
from tests.door.serving import serving
from tests.dumps import dumped
from tests.platform.test_start import COMMAND, ROOT, _environment

PASSWORD, NEXT_PASSWORD, LAST_PASSWORD, WRONG_PASSWORD = "Velvet-harbour-31", "Copper-lantern-58", "Amber-meadow-93", "Wrong-umbrella-77"
ADMINISTRATORS, KEY = "Granite-orchard-12", "a-secret-key-of-the-server-4711"
SMTP_PASSWORD, CLIENT_SECRET = "smtp-password-lighthouse", "provider-secret-caravan"
FEED_USER, FEED_PASSWORD, FEED_TOKEN = "reader", "feed-password-windmill", "feed-token-porcupine"
EMAIL, NEXT_EMAIL = "ada@example.org", "countess@example.org"
SEEN = "Conspicuous-words"
"""Stands in a note, so that the search finds something in every place that it looks at."""


def leaks(secret: str, log: str, dump: str, files: dict[str, bytes]) -> list[str]:
    """Where the secret stands. A time may hold the digits of a code by chance behind its point, and sums of digests inside."""
    exact = re.compile(rf"(?<![\w.]){secret}(?!\w)") if secret.isdecimal() else re.compile(re.escape(secret))
    found = [name for name, text in (("log", log), ("dump", dump)) if exact.search(text)]
    found += ["dump, as bytes"] if secret.encode().hex() in dump.lower() else []
    # Six digits occur by chance in so many bytes.
    return found + [name for name, content in files.items() if not secret.isdecimal() and secret.encode() in content]


@dataclass
class Surroundings:
    """What the server talks to."""

    mailbox: Mailbox
    provider: Provider
    feed_url: str
    environment: dict[str, str]
    log: Path = Path()

    def code(self, address: str) -> str:
        """The code of the newest mail to the address."""
        deadline = time.monotonic() + 30
        while True:
            texts = [str(mail.get_content()) for mail in self.mailbox.mails if mail["To"] == address]
            if texts and (found := re.search(r"^Code: (\d{6})\r?$", texts[-1], re.MULTILINE)):
                self.mailbox.mails.clear()
                return found[1]
            assert time.monotonic() < deadline, self.log.read_text()[-3000:]
            time.sleep(0.1)


@contextmanager
def surroundings() -> Iterator[Surroundings]:
    def admitted(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: object) -> AuthResult:
        return AuthResult(success=isinstance(data, LoginPassword) and data.password == SMTP_PASSWORD.encode(), handled=False)

    mailbox, provider = Mailbox(), Provider(client_secret=CLIENT_SECRET)
    controller = Controller(mailbox, hostname="127.0.0.1", port=free_port(), authenticator=admitted, auth_require_tls=False)
    controller.start()
    try:
        with serving(provider.app()) as endpoint, feed_server() as feeds:
            feeds.answers[f"/private.ics?token={FEED_TOKEN}"] = body(CALENDAR)
            base = str(endpoint.base_url).rstrip("/")
            environment = {
                "SMTP_HOST": "127.0.0.1",
                "SMTP_PORT": str(controller.port),
                "SMTP_USE_TLS": "false",
                "SMTP_USERNAME": "postman",
                "SMTP_PASSWORD": SMTP_PASSWORD,
                "NOTECHONDRIA_FEED_ALLOWED_HOSTS": "127.0.0.0/8",
                "FRONTEND_ORIGIN": "https://app.example.org",
                "GOOGLE_OAUTH_CLIENT_ID": CLIENT_ID,
                "GOOGLE_OAUTH_CLIENT_SECRET": CLIENT_SECRET,
                "GITHUB_APP_CLIENT_ID": CLIENT_ID,
                "GITHUB_APP_CLIENT_SECRET": CLIENT_SECRET,
                "NOTECHONDRIA_GOOGLE_TOKEN_URL": f"{base}/token",
                "NOTECHONDRIA_GOOGLE_USERINFO_URL": f"{base}/userinfo",
                "NOTECHONDRIA_GOOGLE_TOKENINFO_URL": f"{base}/tokeninfo",
                "NOTECHONDRIA_GITHUB_TOKEN_URL": f"{base}/github/token",
                "NOTECHONDRIA_GITHUB_API_URL": f"{base}/github",
            }
            url = feeds.url(f"/private.ics?token={FEED_TOKEN}", f"{FEED_USER}:{FEED_PASSWORD}@127.0.0.1")
            yield Surroundings(mailbox, provider, url, environment)
    finally:
        controller.stop()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_no_secret_is_left_in_logs_dumps_or_files() -> None:
    used = {
        "password": PASSWORD,
        "next password": NEXT_PASSWORD,
        "last password": LAST_PASSWORD,
        "wrong password": WRONG_PASSWORD,
        "administrator's password": ADMINISTRATORS,
        "server's key": KEY,
        "password of the mail server": SMTP_PASSWORD,
        "secret of the providers' client": CLIENT_SECRET,
    }
    with tempfile.TemporaryDirectory(prefix="ntc-") as name, surroundings() as around:
        folder, port = Path(name), str(free_port())
        environment = _environment(
            folder / "data",
            PORT=port,
            NOTECHONDRIA_LOG_LEVEL="DEBUG",
            DJANGO_SECRET_KEY=KEY,
            DJANGO_SUPERUSER_PASSWORD=ADMINISTRATORS,
            **around.environment,
        )
        log = around.log = folder / "log"
        with log.open("w") as file:
            server = subprocess.Popen(COMMAND, cwd=ROOT, env=environment, stdout=file, stderr=file)
        try:
            while "  docs " not in log.read_text():
                assert server.poll() is None, log.read_text()
                time.sleep(0.1)
            with httpx.Client(base_url=f"http://127.0.0.1:{port}/api/v1", timeout=30) as client:
                _use_secrets(client, around, used)
            dump = dumped(embedded_conninfo(folder / "data"))
        finally:
            server.send_signal(signal.SIGTERM)
            assert server.wait(60) == 0
        written = log.read_text()
        files = {str(path.relative_to(folder)): path.read_bytes() for path in (folder / "data").rglob("*") if path.is_file()}
    assert len(used) > 20
    found = {what: places for what, secret in used.items() if (places := leaks(secret, written, dump, files))}
    assert not found
    # Addresses of calendars are read again and again, so the server keeps them as they are, but never in its log.
    for secret in (FEED_PASSWORD, FEED_TOKEN):
        assert not [place for place in leaks(secret, written, dump, files) if place == "log"]
        assert "dump, as bytes" in leaks(secret, written, dump, files)
    assert "dump" in leaks(NEXT_EMAIL, written, dump, files)
    places = leaks(SEEN, written, dump, files)
    assert "dump, as bytes" in places
    assert any("pg_wal" in place for place in places)
    assert any("base" in place for place in places)
    for line in ("/auth/login/", "/auth/google/", "/calendar/"):
        assert line in written


def _use_secrets(client: httpx.Client, around: Surroundings, used: dict[str, str]) -> None:
    registered = client.post("/auth/register/", json={"username": "ada", "email": EMAIL, "password": PASSWORD})
    assert registered.status_code == 201, registered.text
    used["code of the verification"] = around.code(EMAIL)
    verified = client.post("/auth/verify-email/", json={"email": EMAIL, "code": used["code of the verification"]})
    assert verified.status_code == 200, verified.text
    used["first session"] = verified.json()["token"]
    client.post("/auth/login/", json={"identifier": "ada", "password": WRONG_PASSWORD})
    entered = client.post("/auth/login/", json={"identifier": "ada", "password": PASSWORD})
    used["second session"] = entered.json()["token"]
    signed_in = {"Authorization": f"Token {used['second session']}"}
    note = client.post("/notes/", json={"title": SEEN, "content": SEEN}, headers=signed_in)
    assert note.status_code == 201, note.text
    key = client.post("/auth/rotate-api-key/", headers={**signed_in, "Idempotency-Key": "rotate"})
    used["API key"] = key.json()["api_key"]
    _use_calendars(client, around, used, signed_in)
    _use_assistant(client, used, signed_in)
    _sign_in_elsewhere(client, around, used)
    _use_console(client, used)
    for path in (f"/notes/?token={used['first session']}", f"/nope/?api_key={used['API key']}", f"/x/?code={used['first session']}"):
        client.get(path)
    client.get("/settings/", headers={"Authorization": f"Token {used['first session'][:-1]}0"})
    asked = client.post("/auth/password-reset/", json={"email": EMAIL})
    assert asked.status_code == 200, asked.text
    used["code of the reset"] = around.code(EMAIL)
    reset = {"email": EMAIL, "code": used["code of the reset"], "password": NEXT_PASSWORD}
    assert client.post("/auth/password-reset/confirm/", json=reset).status_code == 200
    _change_account(client, around, used)


def _use_calendars(client: httpx.Client, around: Surroundings, used: dict[str, str], signed_in: dict[str, str]) -> None:
    address = client.post("/calendar-addresses/", json={}, headers={**signed_in, "Idempotency-Key": "address"})
    assert address.status_code == 201, address.text
    used["calendar's address"] = address.json()["url"].rpartition("/")[2].removesuffix(".ics")
    rotated = client.post(f"/calendar-addresses/{address.json()['id']}/rotate/", headers=signed_in)
    used["calendar's next address"] = rotated.json()["url"].rpartition("/")[2].removesuffix(".ics")
    for what in ("calendar's address", "calendar's next address"):
        client.get(f"http://{client.base_url.netloc.decode()}/calendar/{used[what]}.ics")
    feed = client.post("/calendar-feeds/", json={"title": "Private", "source_url": around.feed_url}, headers=signed_in)
    assert feed.json()["import_summary"]["ok"], feed.text
    client.patch(
        f"/calendar-feeds/{feed.json()['id']}/", json={"source_url": around.feed_url.replace("private", "gone")}, headers=signed_in
    )


def _use_assistant(client: httpx.Client, used: dict[str, str], signed_in: dict[str, str]) -> None:
    doomed = client.post("/notes/", json={"title": "Doomed"}, headers=signed_in).json()["id"]
    client.delete(f"/notes/{doomed}/", headers=signed_in)
    about = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {"elicitation": {}},
        "io.modelcontextprotocol/clientInfo": {"name": "raw", "version": "1"},
    }
    headers = {
        "Authorization": f"Bearer {used['API key']}",
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": "2026-07-28",
        "Mcp-Method": "tools/call",
        "Mcp-Name": "empty_recycle_bin",
    }
    params = {"name": "empty_recycle_bin", "arguments": {}, "_meta": about}
    site = f"http://{client.base_url.netloc.decode()}"
    asked = client.post(f"{site}/mcp/", json={"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}, headers=headers)
    used["assistant's confirmation"] = asked.json()["result"]["requestState"]
    params["requestState"] = used["assistant's confirmation"]
    params["inputResponses"] = {"confirm": {"action": "accept", "content": {"ok": True}}}
    done = client.post(f"{site}/mcp/", json={"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": params}, headers=headers)
    assert done.json()["result"]["structuredContent"] == {"deleted_count": 1}, done.text


def _sign_in_elsewhere(client: httpx.Client, around: Surroundings, used: dict[str, str]) -> None:
    profile = Profile("77", "grace@example.org", verified=True, name="Grace", login="grace")
    for name in ("google", "github"):
        used[f"code of {name}"] = around.provider.consent(profile)
        site = f"http://{client.base_url.netloc.decode()}"
        client.get(f"{site}/auth/{name}/callback", params={"code": used[f"code of {name}"], "state": secrets.token_hex(8)})
        entered = client.post(f"/auth/{name}/", json={"code": used[f"code of {name}"]})
        assert entered.status_code == 200, entered.text
        used[f"session by {name}"] = entered.json()["token"]
        assert client.post(f"/auth/{name}/", json={"code": "spent-" + used[f"code of {name}"]}).status_code >= 400
    used["identity token"] = identity = secrets.token_hex(20)
    around.provider.tokens[identity] = profile
    assert client.post("/auth/google/", json={"id_token": identity}).status_code == 200
    used |= {f"token {number} of the provider": token for number, token in enumerate(around.provider.tokens)}


def _use_console(client: httpx.Client, used: dict[str, str]) -> None:
    with httpx.Client(base_url=f"http://{client.base_url.netloc.decode()}/admin", timeout=30) as console:
        console.post("/login", data={"username": "admin", "password": WRONG_PASSWORD})
        console.post("/login", data={"username": "admin", "password": ADMINISTRATORS})
        [used["session of the console"]] = console.cookies.values()
        page = console.get("/invitations").text
        found = re.search(r'name="csrf" value="([0-9a-f]{64})"', page)
        assert found
        used["token of the console's forms"] = found[1]
        form = {"label": "spring", "max_uses": "3", "expires_at": "", "reason": "New class.", "csrf": found[1]}
        code = re.search(r'class="code">([\w-]+)<', console.post("/invitations", data=form).text)
        assert code
        used["invitation"] = code[1]
    client.post("/auth/validate-invitation/", json={"invitation_code": code[1]})
    newcomer = {"username": "newcomer", "email": "newcomer@example.org", "password": PASSWORD, "invitation_code": code[1]}
    assert client.post("/auth/register/", json=newcomer).status_code == 201


def _change_account(client: httpx.Client, around: Surroundings, used: dict[str, str]) -> None:
    entered = client.post("/auth/login/", json={"identifier": "ada", "password": NEXT_PASSWORD})
    used["third session"] = entered.json()["token"]
    signed_in = {"Authorization": f"Token {used['third session']}"}
    assert client.post("/auth/send-identity-code/", headers=signed_in).status_code == 200
    used["identity code"] = around.code(EMAIL)
    asked = client.post("/auth/change-email/", json={"new_email": NEXT_EMAIL, "identity_code": used["identity code"]}, headers=signed_in)
    assert asked.status_code == 200, asked.text
    used["code of the new address"] = around.code(NEXT_EMAIL)
    moving = {"new_email": NEXT_EMAIL, "code": used["code of the new address"]}
    assert client.post("/auth/change-email/", json=moving, headers=signed_in).status_code == 200
    wrong = {"current_password": WRONG_PASSWORD, "new_password": LAST_PASSWORD, "identity_code": "000000"}
    assert client.post("/auth/change-password/", content=orjson.dumps(wrong), headers=signed_in).status_code == 400
