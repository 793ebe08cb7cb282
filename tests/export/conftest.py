"""The same server as the tests of attachments have."""

from tests.attachments.conftest import inbox, make_course, make_note, mira, noah, server, services, site

__all__ = ["inbox", "make_course", "make_note", "mira", "noah", "server", "services", "site"]
