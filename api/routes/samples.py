"""Bringing the sample courses back, for staff (contract: notes 3.9)."""

from __future__ import annotations

import orjson
import structlog

from api.call import Call
from api.errors import Refusal
from api.routing import Route
from api.schemas.samples import SamplesRestoredOut
from commands.samples.material import MaterialMissing
from commands.samples.seeding import Seeding
from projections.courses.queries import list_every_course

audit = structlog.get_logger("notechondria.audit")


class SamplesMissing(Refusal):
    """The server came without its samples, or SAMPLE_ROOT names a folder that has none."""

    status = 503


def restore_samples(call: Call) -> bytes:
    """Makes, brings back and refreshes the sample courses."""
    services = call.services
    seeding = Seeding(services.commands, services.blobs, call.context())
    try:
        seeding.restore(services.settings.sample_root)
    except MaterialMissing as missing:
        raise SamplesMissing({"detail": f"The sample courses cannot be restored: {missing}"}) from missing
    assert call.caller is not None
    audit.info("sample courses restored", account=call.caller.account_id, steps=seeding.log)
    (courses,) = call.ask_now(list_every_course())
    told = orjson.dumps({"message": "Template courses restored.", "log": "\n".join(seeding.log)})
    return b'%b,"courses":%b}' % (told[:-1], bytes(courses))


ROUTES = [
    Route(
        "POST",
        "/admin/template-courses/restore/",
        restore_samples,
        "Restore the sample courses",
        caller="staff",
        answer=SamplesRestoredOut,
        once=False,
        description="Existing courses keep their owner and cover; titles and descriptions are refreshed, missing notes are added.",
    ),
]
