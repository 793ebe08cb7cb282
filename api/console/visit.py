"""One visit of a page: who looks, what was sent, and how the answer is made. Nothing passes that another site could have caused."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import parse_qsl, quote, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api.bodies import read_body
from api.console.rendering import render
from api.errors import Refusal
from api.threads import Threads
from commands.context import Context
from commands.errors import Invalid, Refused
from commands.handling import Work
from commands.lookups import Lookups
from eventstore.statements import Statement
from projections.reading import ANONYMOUS, Caller, Credentials, Rejected
from wiring import Services

T = TypeVar("T")

PATH_PREFIX = "/admin"
COOKIE = "notechondria_console"
AGE_S = 3 * 24 * 3600
LONGEST_FORM = 64 * 1024
LONGEST_REASON = 500
MOST_PARAMETERS = 50
TOLD = {
    "disable": "Disabled, and signed out everywhere.",
    "enable": "Enabled.",
    "promote": "Is staff now.",
    "demote": "Is no longer staff.",
    "sign_out": "Signed out everywhere.",
    "end_session": "That session has ended.",
    "void_key": "The API key is void.",
    "deliver": "It is tried again now.",
}
"""What a page says about the act that led to it."""
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {"Content-Security-Policy": POLICY, "Cache-Control": "no-store", "X-Robots-Tag": "noindex"}
CLIENT = "console"


class Visit:
    """A request of a page. `form` and `query` hold text by name."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.services: Services = request.scope["app"].state.services
        self.caller: Caller = ANONYMOUS
        self.key = request.cookies.get(COOKIE, "")
        self.form: dict[str, str] = {}
        self.query: dict[str, str] = {}

    @property
    def csrf(self) -> str:
        """What every form of this session carries; another site cannot know it."""
        token: str = hmac.new(self.services.key, b"console\0" + self.key.encode(), hashlib.sha256).hexdigest()
        return token

    def number(self, name: str, default: int = 0) -> int:
        """A number of the path or the query; the default when it is none."""
        text = str(self.request.path_params.get(name, self.query.get(name, "")))
        return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else default

    def text(self, name: str, longest: int = 200) -> str:
        """A text of the query."""
        return self.query.get(name, "").strip()[:longest]

    def reason(self) -> str:
        """Why something is done. Raises Invalid without one."""
        reason: str = self.form.get("reason", "").strip()
        if len(reason) < 3:
            raise Invalid({"reason": ["Say why in a few words: it is kept in the log."]})
        return reason[:LONGEST_REASON]

    def act(self, decide: Callable[[Work[Lookups]], T], answer: Callable[[T], Statement | None] | None = None) -> tuple[T, Any]:
        """Carries out a command of this person with the reason of the form; returns its result and the answer's row."""
        context = Context(
            actor=self.caller.account_id,
            channel="web",
            request_id=self.request.scope["request_id"],
            session=self.caller.session_id,
            client=CLIENT,
            reason=self.reason(),
        )
        outcome = self.services.commands.run(decide, context, answer=answer)
        return outcome.result, outcome.row

    def page(self, template: str, status: int = 200, **content: Any) -> Response:
        """A page."""
        # By name: what is said here is the console's own word, whoever has made the address.
        told = TOLD.get(self.query.get("told", ""), "")
        text = render(template, visit=self, caller=self.caller, csrf=self.csrf, told=told, **content)
        return Response(text, status, dict(HEADERS), "text/html")

    def sentence(self, status: int, heading: str, text: str) -> Response:
        """A page that says one thing."""
        return self.page("message.html", status, heading=heading, text=text)

    def there(self, path: str, told: str = "") -> Response:
        """After an act: a page to read, so that reloading does not act again. told: the name of one of TOLD."""
        query = f"{'&' if '?' in path else '?'}told={told}" if told else ""
        return RedirectResponse(path + query, 303, dict(HEADERS))


Page = Callable[[Visit], Response]


def served(page: Page, *, anonymous: bool = False) -> Callable[[Request], Any]:
    """The endpoint of a page: for staff only, run in a thread, refusals as pages."""

    async def endpoint(request: Request) -> Response:
        visit = Visit(request)
        try:
            _read_query(visit)
            if request.method == "POST":
                await _read_form(visit, anonymous=anonymous)
            # Only now: who is known before the form has come may not be any more when it has.
            await _identify(visit)
            if not anonymous and not visit.caller.is_staff:
                return visit.there(_entrance(request))
            threads: Threads = request.scope["app"].state.threads
            return await threads.run(page, visit)
        except (Refused, Refusal) as refusal:
            return visit.sentence(refusal.status, "Not done", _text(refusal.body))

    return endpoint


def _entrance(request: Request) -> str:
    path = request.scope["path"]
    onward = request.method == "GET" and path != f"{PATH_PREFIX}/"
    return f"{PATH_PREFIX}/login" + (f"?next={quote(path)}" if onward else "")


async def _identify(visit: Visit) -> None:
    if not visit.key:
        return
    try:
        visit.caller = await visit.services.reader.identify(Credentials("session", visit.key[:128]))
    except Rejected:
        visit.key = ""
    visit.request.scope["caller"] = visit.caller


def _read_query(visit: Visit) -> None:
    query: str = visit.request.scope["query_string"].decode("utf-8", "replace")
    try:
        sent = parse_qsl(query, keep_blank_values=True, max_num_fields=MOST_PARAMETERS)
    except ValueError:
        raise Invalid({"query": [f"More than {MOST_PARAMETERS} query parameters."]}) from None
    visit.query = {name: value.replace("\0", "") for name, value in sent}


async def _read_form(visit: Visit, *, anonymous: bool) -> None:
    request = visit.request
    origin = request.headers.get("origin")
    here = urlsplit(request.scope["origin"]).netloc
    foreign = origin is not None and urlsplit(origin).netloc != here
    if foreign or request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise Strange
    sent = await read_body(request.scope, request.receive, LONGEST_FORM)
    for file in sent.files:
        file.file.close()
    fields = sent.fields if sent.form and isinstance(sent.fields, Mapping) else {}
    visit.form = {name: value.replace("\0", "") for name, value in fields.items() if isinstance(value, str)}
    if not anonymous and not hmac.compare_digest(visit.form.get("csrf", "").encode(), visit.csrf.encode()):
        raise Strange


class Strange(Refusal):
    """A form that no page of this session has shown."""

    status = 403

    def __init__(self) -> None:
        super().__init__({"detail": "This form is not one of yours, or you have signed in anew since. Load the page again."})


def _text(body: Any) -> str:
    if isinstance(body, dict):
        values = [str(value) if not isinstance(value, list) else " ".join(map(str, value)) for value in body.values()]
        return " ".join(values)
    return str(body)
