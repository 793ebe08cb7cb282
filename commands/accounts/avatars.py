"""Pictures of accounts: uploads judged by their content and encoded anew, and the one that every account begins with."""

from __future__ import annotations

import colorsys
import io
import secrets
from functools import lru_cache
from pathlib import PurePath
from threading import BoundedSemaphore
from typing import TYPE_CHECKING

from commands.errors import Invalid
from eventstore.events.accounts import default_image_path

if TYPE_CHECKING:
    # Loaded when there is a picture: that would take a good part of the server's start.
    from PIL.Image import Image as Picture

MOST_BYTES = 5 * 1024 * 1024
MOST_PIXELS = 100_000_000
MOST_DECODED_PIXELS = 16_000_000
"""A JPEG is decoded at the size that is needed; the other formats unfold whole."""
LONGEST_SIDE = 1024
DEFAULT_SIDE = 256
FORMATS = {"PNG": ".png", "JPEG": ".jpg", "WEBP": ".webp", "GIF": ".png"}
"""What content may be, and the extension of what is stored; of a moving picture its first frame is kept."""
EXTENSIONS = frozenset({".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".gif"})

_AT_ONCE = BoundedSemaphore(1)
"""An unfolded picture takes up to 64 MB."""

NO_IMAGE = "Upload a valid image. The file is no PNG, JPEG, WebP or GIF, or it is damaged."
TOO_LARGE = f"The picture is larger than {MOST_BYTES // (1024 * 1024)} MiB."
TOO_MANY_PIXELS = f"The picture has more than {MOST_DECODED_PIXELS // 1_000_000} million pixels."


def extension_problem(file_name: str) -> str | None:
    """What is wrong with the name's extension; that it differs from the content is no problem."""
    extension = PurePath(file_name).suffix.lower()
    if extension in EXTENSIONS:
        return None
    allowed = ", ".join(sorted(name[1:] for name in EXTENSIONS))
    return f"File extension “{extension[1:20]}” is not allowed. Allowed extensions are: {allowed}."


def reencoded(content: bytes) -> tuple[bytes, str]:
    """(the picture without metadata, upright and not larger than needed; its extension). Raises Invalid on `avatar`."""
    from PIL import Image, ImageOps

    if len(content) > MOST_BYTES:
        raise Invalid({"avatar": [TOO_LARGE]})
    try:
        with _AT_ONCE, Image.open(io.BytesIO(content), formats=list(FORMATS)) as picture:
            _refuse_above(MOST_PIXELS, picture)
            extension = FORMATS[_format(picture)]
            picture.draft("RGB", (LONGEST_SIDE, LONGEST_SIDE))
            _refuse_above(MOST_DECODED_PIXELS, picture)
            upright = ImageOps.exif_transpose(picture)
            upright.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
            return _encoded(upright, extension), extension
    except Invalid:
        raise
    except Exception as error:
        # Decoders of hostile bytes raise whatever they like: OSError, SyntaxError, struct.error, DecompressionBombError, ...
        raise Invalid({"avatar": [NO_IMAGE]}) from error


def _format(picture: Picture) -> str:
    # A JPEG with more pictures behind the first, as many cameras make it, has a name of its own in the library.
    return "JPEG" if picture.format == "MPO" else str(picture.format)


def _refuse_above(most: int, picture: Picture) -> None:
    if picture.width * picture.height > most:
        raise Invalid({"avatar": [TOO_MANY_PIXELS]})


def _encoded(picture: Picture, extension: str) -> bytes:
    from PIL import Image

    if picture.mode.startswith("I"):
        # Grey of 16 bits, of which the library would keep only what fits into 8.
        picture = picture.convert("I").point(lambda grey: grey / 256).convert("L")
    # A copy of the pixels alone: text chunks, profiles and positions of the upload stay behind.
    mode = "RGB" if extension == ".jpg" or picture.mode in {"RGB", "L", "CMYK", "YCbCr"} else "RGBA"
    clean = Image.new(mode, picture.size)
    clean.paste(picture.convert(mode))
    out = io.BytesIO()
    clean.save(out, {".png": "PNG", ".jpg": "JPEG", ".webp": "WEBP"}[extension], quality=88)
    return out.getvalue()


def fresh_image_path(account_id: int, extension: str) -> str:
    """Where an upload is stored: another address each time, so that no cache shows the old picture."""
    stem = default_image_path(account_id).removesuffix(".png")
    return f"{stem}_{secrets.token_hex(8)}{extension}"


@lru_cache(maxsize=1000)
def default_avatar(account_id: int, username: str) -> bytes:
    """The picture of an account that has uploaded none: the first letter of its name on a colour of its own, as PNG."""
    from PIL import Image, ImageDraw, ImageFont

    hue = (account_id * 0.618033988749895) % 1.0
    red, green, blue = (round(part * 255) for part in colorsys.hls_to_rgb(hue, 0.42, 0.45))
    picture = Image.new("RGB", (DEFAULT_SIDE, DEFAULT_SIDE), (red, green, blue))
    letter = next((character.upper() for character in username if character.isascii() and character.isalnum()), "?")
    middle = DEFAULT_SIDE / 2
    font = ImageFont.load_default(DEFAULT_SIDE * 0.55)
    ImageDraw.Draw(picture).text((middle, middle), letter, fill=(255, 255, 255), font=font, anchor="mm")
    out = io.BytesIO()
    picture.save(out, "PNG", optimize=True)
    return out.getvalue()
