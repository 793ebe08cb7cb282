"""Field types of request bodies and queries: what each accepts and the sentence it answers otherwise.

Used as annotations, `title: Annotated[str, Text(max=100)]`. Contract: accounts 4, notes 1.5, planner_platform 1.2.
"""

from api.fields.base import FieldType, Model, refuse
from api.fields.numbers import BIGGEST, Boolean, Integer
from api.fields.structures import File, Json, JsonObject, ListOf
from api.fields.text import Choice, Email, Text, Url, Uuid, as_text
from api.fields.times import Date, DateTime
from eventstore.iso8601 import read_instant

__all__ = [
    "BIGGEST",
    "Boolean",
    "Choice",
    "Date",
    "DateTime",
    "Email",
    "FieldType",
    "File",
    "Integer",
    "Json",
    "JsonObject",
    "ListOf",
    "Model",
    "Text",
    "Url",
    "Uuid",
    "as_text",
    "read_instant",
    "refuse",
]
