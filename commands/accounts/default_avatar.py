"""Storing the picture that an account begins with."""

from __future__ import annotations

from commands.accounts.aggregate import default_image_path
from commands.accounts.avatars import default_avatar
from eventstore.blobs import Blobs


def store_default_avatar(blobs: Blobs, account_id: int, username: str) -> None:
    """Draws and stores it; doing it again stores the same."""
    blobs.put_now(default_image_path(account_id), default_avatar(account_id, username))
