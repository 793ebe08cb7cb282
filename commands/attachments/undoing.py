"""Taking changes of attachments back."""

from __future__ import annotations

from commands.attachments.aggregate import Attachment
from commands.attachments.commands import restore_attachment
from commands.errors import Conflict, Declined, sentence
from commands.handling import Work
from commands.lookups import Lookups
from commands.undo import Span
from eventstore.events import attachments


def take_back_attachment(work: Work[Lookups], span: Span) -> None:
    """An uploaded file goes to the recycle bin, a deleted one comes back."""
    attachment = work.find(Attachment, span.number)
    after = work.at(Attachment, span.number, span.last)
    assert attachment is not None
    assert after is not None
    if attachment.is_purged:
        raise Conflict(f"The file {attachment.number} is gone for good.")
    if attachment.is_deleted != after.is_deleted:
        return
    if attachment.is_deleted:
        assert work.context.actor is not None
        try:
            restore_attachment(work, work.context.actor, attachment.number)
        except Declined as refused:
            raise Conflict(sentence(refused)) from refused
    else:
        attachment.trigger(attachments.AttachmentDeleted, work.context.now)
