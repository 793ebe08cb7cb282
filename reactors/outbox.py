"""The folder where mails go while no mail server is configured: one file each, named after the mail and the account it is about."""

from __future__ import annotations

from email.message import EmailMessage
from pathlib import Path


def write_mail(folder: Path, mail_id: int, account_id: int, message: EmailMessage) -> Path:
    """Writes the mail whole or not at all, readable for the server's account only; doing it again writes the same file."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"mail-{mail_id:08d}-account-{account_id}.eml"
    unfinished = path.with_suffix(".tmp")
    unfinished.write_bytes(message.as_bytes())
    unfinished.chmod(0o600)
    unfinished.replace(path)
    return path


def remove_mails_about(folder: Path, account_id: int) -> None:
    """Removes every mail about the account, unfinished ones too."""
    for path in folder.glob(f"mail-*-account-{account_id}.*"):
        path.unlink(missing_ok=True)
