"""An answer that only tells what was done."""

from __future__ import annotations

from pydantic import BaseModel


class MessageOut(BaseModel):
    """What was done, in a sentence."""

    message: str
