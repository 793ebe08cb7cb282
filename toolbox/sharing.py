"""Publishing by assistants: only where the account allows it."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from toolbox.markdown import NotApplicable
from toolbox.tool import Arguments, Exchange, Request, Rest

MAY_SHARE = "assistants_may_share"
"""The app setting by which an account allows it."""
SHARING_OFF = (
    "The account does not let assistants publish notes. The user can allow it in the settings "
    f"(app setting {MAY_SHARE}), or publish the note in the app."
)

UNDOING_SHARES = (
    f"Taking this back would publish a note. {SHARING_OFF} restore_deleted_note brings a note back from the recycle bin, private. "
    "list_changes lists other changes with their ids; name one as change_id."
)


def require_sharing(refusal: str = SHARING_OFF) -> Generator[Request, Any, None]:
    """Asks the account over REST. Raises NotApplicable."""
    settings = yield Request("GET", "settings/")
    if (settings.get("app_settings") or {}).get(MAY_SHARE) is not True:
        raise NotApplicable(refusal)


def unless_published(exchange: Rest, present: Rest | None = None) -> Rest:
    """The same exchange, which first asks the account when it would publish. present: reads the note that is to be changed."""

    def guarded(arguments: Arguments) -> Exchange:
        if arguments.get("is_public"):
            note = (yield from present(arguments)) if present is not None else {"is_public": False}
            if note["is_public"]:
                # Left out: should the note become private at this moment, it stays so.
                arguments = {name: value for name, value in arguments.items() if name != "is_public"}
            else:
                yield from require_sharing()
        answer = yield from exchange(arguments)
        return answer

    return guarded
