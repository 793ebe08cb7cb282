"""What the server is called, and which revisions of the protocol it speaks (contract: mcp 4, 13)."""

from __future__ import annotations

from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS, MODERN_PROTOCOL_VERSIONS

NAME = "notechondria-mcp"
VERSION = "0.1.0"
TITLE = "Notechondria"
FIRST_VERSION = "2025-03-26"
"""Assumed of clients that name none."""
OLD_VERSIONS = frozenset({"2024-11-05", FIRST_VERSION})
"""In these an unknown tool is an unknown method."""
HANDSHAKE = frozenset(HANDSHAKE_PROTOCOL_VERSIONS)
MODERN = frozenset(MODERN_PROTOCOL_VERSIONS)
