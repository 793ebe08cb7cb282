"""Tools about the account."""

from __future__ import annotations

from toolbox.schemas import EDITOR_MODE, TEXT, VERSION, one_of, record, text, yes_or_no
from toolbox.tool import EXPECTED_VERSION, Tool, rest

PROFILE_MEMBERS = (
    "username",
    "email",
    "first_name",
    "last_name",
    "motto",
    "social_link",
    "editor_mode",
    "theme_preset",
    "theme_mode",
)

TOOLS = (
    Tool(
        name="get_profile",
        title="Read the profile",
        description="The account that you act for: its names, its preferences, its time zone.",
        answer=record(
            {name: TEXT for name in PROFILE_MEMBERS if not name.endswith("_mode")}
            | {"editor_mode": EDITOR_MODE, "theme_mode": one_of("S", "L", "D")},
            {
                "version": VERSION,
                "time_zone": TEXT,
                "may_share": yes_or_no("Whether the account lets assistants publish notes."),
            },
        ),
        rest=rest(
            "GET",
            "settings/",
            reply=lambda answer, _: {
                name: answer.get(name)
                for name in ("username", "email", "display_name", *PROFILE_MEMBERS[2:], "mcp_skill_md", "last_edit")
                if name in answer
            },
        ),
        reads=True,
    ),
    Tool(
        name="update_profile",
        title="Change the profile",
        description="Changes the given fields and leaves the others as they are.",
        properties={
            "motto": text("One line about the account.", max_length=100),
            "social_link": text("An http or https address.", max_length=255),
            "editor_mode": one_of("G", "B", "P", description="G: graphical, B: blocks, P: plain text."),
            "first_name": text(max_length=150),
            "last_name": text(max_length=150),
            **EXPECTED_VERSION,
        },
        answer=record({"updated": {"const": True}}),
        rest=rest("PATCH", "settings/", reply=lambda *_: {"updated": True}),
        destroys=True,
        repeatable=True,
        lenient=("editor_mode",),
    ),
)
