"""Text, and text of a certain form: addresses, codes, identifiers."""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import UploadFile

from api.fields.base import BLANK, NUL_CHARACTER, FieldType, refuse
from eventstore.addresses import canonical_address


def as_text(value: Any, message: str) -> str:
    """Text, or a number as text; anything else is refused with the message."""
    if isinstance(value, str):
        text = value
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        text = str(value)
    else:
        raise refuse(message)
    if "\0" in text:
        raise refuse(NUL_CHARACTER)
    return text


@dataclass(frozen=True, kw_only=True, slots=True)
class Text(FieldType):
    """Text. trim: white space at both ends is cut before everything else. pattern: all of the text has to match.

    cut: what is longer than max is cut there instead of being refused.
    """

    min: int = 0
    max: int | None = None
    cut: bool = False
    blank: bool = False
    trim: bool = True
    pattern: str | None = None
    pattern_message: str = "This value does not match the required pattern."

    def read(self, value: Any, form: bool) -> str:
        message = self.pattern_message if self.pattern else "Not a valid string."
        text = as_text(value, message)
        if self.trim:
            text = text.strip()
        if not text or (not self.blank and not text.strip()):
            if self.blank:
                return text
            raise refuse(BLANK)
        if len(text) < self.min:
            raise refuse("Ensure this field has at least {count} characters.", count=self.min)
        if self.max is not None and len(text) > self.max:
            if self.cut:
                return text[: self.max]
            raise refuse("Ensure this field has no more than {count} characters.", count=self.max)
        if self.pattern and not re.fullmatch(self.pattern, text):
            raise refuse(self.pattern_message)
        return text

    def schema(self) -> dict[str, Any]:
        bounds = {"minLength": self.min or (0 if self.blank else 1), "maxLength": None if self.cut else self.max, "pattern": self.pattern}
        return {"type": "string", **{key: value for key, value in bounds.items() if value}}


LOCAL_PART = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
DOMAIN = re.compile(r"(?=.{1,253}$)((?!-)[^\W_](?:[\w-]{0,61}[^\W_])?\.)+(?!-)[^\W\d_](?:[\w-]{0,61}[^\W_])")


@dataclass(frozen=True, kw_only=True, slots=True)
class Email(FieldType):
    """An e-mail address in its canonical spelling."""

    max: int = 254
    blank: bool = False

    def read(self, value: Any, form: bool) -> str:
        address = as_text(value, "Enter a valid email address.").strip()
        if not address:
            if self.blank:
                return ""
            raise refuse(BLANK)
        if len(address) > self.max:
            raise refuse("Ensure this field has no more than {count} characters.", count=self.max)
        local, _, domain = address.rpartition("@")
        # What begins an encoded word of a header (RFC 2047) would be read as another address there.
        if len(local) > 64 or not LOCAL_PART.fullmatch(local) or "=?" in local:
            raise refuse("Enter a valid email address.")
        if domain.lower() != "localhost" and not DOMAIN.fullmatch(domain):
            raise refuse("Enter a valid email address.")
        canonical = canonical_address(address)
        if len(canonical) > self.max:
            raise refuse("Ensure this field has no more than {count} characters.", count=self.max)
        return canonical

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "format": "email", "maxLength": self.max}


@dataclass(frozen=True, kw_only=True, slots=True)
class Url(FieldType):
    """An absolute address with one of the schemes and a host."""

    max: int = 2000
    blank: bool = False
    schemes: tuple[str, ...] = ("http", "https", "ftp", "ftps")

    def read(self, value: Any, form: bool) -> str:
        text = as_text(value, "Enter a valid URL.").strip()
        if not text:
            if self.blank:
                return ""
            raise refuse(BLANK)
        if len(text) > self.max:
            raise refuse("Ensure this field has no more than {count} characters.", count=self.max)
        try:
            parts = urlsplit(text)
            good = parts.scheme.lower() in self.schemes and bool(parts.hostname) and (parts.port is None or parts.port > 0)
        except ValueError:
            good = False
        if not good or not text.isprintable() or " " in text:
            raise refuse("Enter a valid URL.")
        return text

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "format": "uri", "maxLength": self.max}


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice(FieldType):
    """One of the codes, exactly."""

    codes: Sequence[str]
    blank: bool = False

    def read(self, value: Any, form: bool) -> str:
        if isinstance(value, UploadFile):
            raise refuse("Not a valid string.")
        text = value if isinstance(value, str) else str(value)
        if text in self.codes or (self.blank and text == ""):
            return text
        shown = text if len(text) <= 100 else f"{text[:100]}…"
        raise refuse('"{value}" is not a valid choice.', value=shown)

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "enum": [*self.codes, *([""] if self.blank else [])]}


@dataclass(frozen=True, kw_only=True, slots=True)
class Uuid(FieldType):
    """A UUID in any of its usual spellings."""

    def read(self, value: Any, form: bool) -> uuid.UUID:
        if isinstance(value, str) and len(value) <= 64:
            try:
                return uuid.UUID(value.strip())
            except ValueError:
                pass
        raise refuse("Must be a valid UUID.")

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "format": "uuid"}
