"""Reading sample courses from a folder: <slug>/course.json with texts and pictures beside it (contract: notes 13.2)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

BUNDLED = Path(__file__).parent / "content"
SLUGS = ("vibe-coding-101", "meaning-of-work-in-age-of-ai", "self-identity-and-expression-in-modern-arts")
"""The first belongs to the administrator, the others to a demo account."""


class MaterialMissing(Exception):
    """The folder of samples lacks a course, or a course is not as it has to be."""


class SampleNote(BaseModel):
    """One note: its title, and the file with its text."""

    model_config = ConfigDict(frozen=True)

    title: str = Field(min_length=1, max_length=100)
    path: str


class SamplePicture(BaseModel):
    """One picture of a course."""

    model_config = ConfigDict(frozen=True)

    title: str = Field(max_length=120)
    description: str | None = Field(None, max_length=255)
    source: str | None = Field(None, max_length=255)
    path: str


class SampleCourse(BaseModel):
    """What course.json says."""

    model_config = ConfigDict(frozen=True)

    slug: str = Field(max_length=120)
    title: str = Field(min_length=1, max_length=120)
    description: str = ""
    icon: int | None = None
    color_hue: int | None = Field(None, ge=0, le=359)
    cover_image: str = ""
    media: tuple[SamplePicture, ...] = ()
    notes: tuple[SampleNote, ...] = ()

    @property
    def pictures(self) -> tuple[SamplePicture, ...]:
        """Its media; of a course without any the cover is one."""
        if self.media or not self.cover_image:
            return self.media
        return (SamplePicture(title="Cover", source="", path=self.cover_image),)


@dataclass(frozen=True, slots=True)
class Material:
    """One sample course with its folder."""

    folder: Path
    course: SampleCourse

    def text(self, note: SampleNote) -> str:
        """The text of a note. Raises MaterialMissing."""
        return self.content(note.path).decode("utf-8", "replace").strip()

    def content(self, path: str) -> bytes:
        """The bytes of a file beside course.json, or among the bundled ones. Raises MaterialMissing."""
        for folder in (self.folder, BUNDLED / self.course.slug):
            file = (folder / path).resolve()
            if file.is_relative_to(folder.resolve()) and file.is_file():
                return file.read_bytes()
        raise MaterialMissing(f"{self.folder.name}: there is no file {path}")


def read_material(root: Path | None) -> list[Material]:
    """All sample courses of the folder, by default those that come with the server. Raises MaterialMissing."""
    return [_read((root or BUNDLED) / slug, slug) for slug in SLUGS]


def _read(folder: Path, slug: str) -> Material:
    try:
        course = SampleCourse.model_validate_json((folder / "course.json").read_bytes())
    except FileNotFoundError:
        raise MaterialMissing(f"{slug}: there is no course.json in {folder.parent}") from None
    except (OSError, ValidationError) as error:
        raise MaterialMissing(f"{slug}: course.json cannot be used: {error}") from error
    if course.slug != slug:
        raise MaterialMissing(f"{slug}: course.json speaks of {course.slug}")
    if not course.notes:
        # Folders of the predecessor hold no notes; the bundled ones go with their courses.
        bundled = SampleCourse.model_validate_json((BUNDLED / slug / "course.json").read_bytes())
        course = course.model_copy(update={"notes": bundled.notes})
    return Material(folder, course)
