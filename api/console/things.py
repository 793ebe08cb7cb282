"""Pages about courses, calendar feeds and mails on their way."""

from __future__ import annotations

from starlette.responses import Response

from api.console.visit import PATH_PREFIX, Visit
from commands.operations import request_operation
from eventstore.mails import Mails
from projections import console

MAILS_SHOWN = 200


def list_courses(visit: Visit) -> Response:
    """Courses, searched by title, slug or owner."""
    text = visit.text("q")
    found = console.search_courses(visit.services.thread_pool, text, visit.number("after"))
    return visit.page("courses.html", courses=found, q=text, more=len(found) == console.PAGE)


def list_feeds(visit: Visit) -> Response:
    """Calendar feeds, those in trouble first."""
    skip = visit.number("skip")
    found = console.list_feeds(visit.services.thread_pool, skip)
    return visit.page("feeds.html", feeds=found, following=skip + len(found) if len(found) == console.PAGE else 0)


def list_mails(visit: Visit) -> Response:
    """Mails on their way."""
    settings = visit.services.settings
    outbox = "" if settings.mail_configured else str(settings.outbox)
    return visit.page("mails.html", mails=visit.services.mails.waiting(MAILS_SHOWN), outbox=outbox)


def deliver_mail(visit: Visit) -> Response:
    """Makes a mail due now."""
    mail_id = visit.number("id")
    visit.act(lambda work: request_operation(work, "deliver", str(mail_id)), lambda _: Mails.hurrying(mail_id))
    return visit.there(f"{PATH_PREFIX}/mails", "deliver")
