"""The same server as the tests of attachments have."""

from tests.attachments.conftest import chosen, inbox, make_course, make_note, mira, noah, server, site

__all__ = ["chosen", "inbox", "make_course", "make_note", "mira", "noah", "server", "site"]
