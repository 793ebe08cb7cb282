"""All reactors, each run by the background process under a lease of its own."""

from __future__ import annotations

from typing import Any

from reactors.dangling import DANGLING
from reactors.erasure import ERASURE
from reactors.feeds.schedule import FEEDS
from reactors.files import REMOVE_PURGED, SWEEP_STRAYS
from reactors.following import Periodic, Reactor
from reactors.jobs import JOBS
from reactors.mail import MAIL
from reactors.registrations import REGISTRATIONS
from reactors.retention import RETENTION
from reactors.sessions import SESSIONS

ALL_REACTORS: tuple[Reactor[Any] | Periodic[Any], ...] = (
    MAIL,
    ERASURE,
    REGISTRATIONS,
    SESSIONS,
    FEEDS,
    DANGLING,
    REMOVE_PURGED,
    SWEEP_STRAYS,
    RETENTION,
    JOBS,
)
