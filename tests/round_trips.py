"""How often a command waits for the database: counted, since times are not the same twice."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import closing
from typing import Any

import psycopg
import pytest

from commands.handling import Handling
from commands.lookups import Lookups
from eventstore.application import Log
from eventstore.exchange import Exchange
from projections.catalog import ALL_PROJECTIONS
from projections.inline import InlineProjections
from wiring import Services


def round_trips(services: Services, carry_out: Callable[[Handling[Lookups]], object]) -> int:
    """Messages that this takes in a process that remembers nothing yet, whichever way they reach the database."""
    sent: list[object] = []
    caller = threading.get_ident()

    def counting(send: Callable[..., Any]) -> Callable[..., Any]:
        def count(sender: Any, *args: Any, **options: Any) -> Any:
            # Plans that have become old are discarded whatever is asked.
            if threading.get_ident() == caller and args[:1] != ("DISCARD PLANS",):
                sent.append(sender)
            return send(sender, *args, **options)

        return count

    with closing(Log(services.thread_pool)) as log, pytest.MonkeyPatch.context() as patched:
        patched.setattr(Exchange, "__init__", counting(Exchange.__init__))
        patched.setattr(psycopg.Cursor, "execute", counting(psycopg.Cursor.execute))
        carry_out(Handling(log, services.lookups, InlineProjections(ALL_PROJECTIONS)))
    return len(sent)
