"""All projections, in the order in which their tables are made."""

from projections.accounts.projector import Accounts
from projections.activity.writing import Writing
from projections.attachments.projector import Attachments
from projections.base import Projection
from projections.calendars.projector import Calendars
from projections.courses.projector import Courses
from projections.invitations import Invitations
from projections.note_sessions.projector import NoteSessions
from projections.notes.projector import Notes
from projections.planner.projector import Planner
from projections.search.projector import Search
from projections.sessions import Sessions
from projections.subscriptions import Subscriptions

ALL_PROJECTIONS: tuple[Projection, ...] = (
    Accounts(),
    Sessions(),
    Invitations(),
    Courses(),
    Notes(),
    Planner(),
    NoteSessions(),
    Writing(),
    Subscriptions(),
    Attachments(),
    Search(),
    Calendars(),
)
