"""All tools, in the order in which they are listed."""

from __future__ import annotations

from collections.abc import Mapping

from toolbox import courses, history, notes, planning, profile
from toolbox.tool import Tool

ALL_TOOLS: tuple[Tool, ...] = (*profile.TOOLS, *notes.TOOLS, *history.TOOLS, *courses.TOOLS, *planning.TOOLS)
BY_NAME: Mapping[str, Tool] = {tool.name: tool for tool in ALL_TOOLS}
