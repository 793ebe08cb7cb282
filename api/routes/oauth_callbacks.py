"""Where providers send the browser back to: pages that hand it on to the web app (contract: planner_platform 11)."""

from __future__ import annotations

import html
import secrets
from urllib.parse import parse_qs, urlencode

import orjson
from starlette.responses import Response

from api.call import Call
from api.routing import Route

LONGEST_SHOWN = 300
EDITOR = "/Notechondria/editor/"

PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>{head}
<meta name="viewport" content="width=device-width, initial-scale=1">
<style nonce="{nonce}">
body {{ font-family: system-ui, sans-serif; display: grid; place-items: center; min-height: 90vh; margin: 0; }}
main {{ max-width: 28rem; padding: 2rem; border: 1px solid #d4d4d8; border-radius: 1rem; text-align: center; }}
.mark {{ font-size: 3rem; color: {color}; }}
</style></head><body><main><div class="mark">{mark}</div><h1>{title}</h1><p>{text}</p></main>{script}</body></html>
"""


async def callback(call: Call) -> Response:
    """A page that sends the browser on to the web app with code and state, or tells what the provider said."""
    sent = parse_qs(call.scope["query_string"].decode("latin-1"), keep_blank_values=True)
    code, state, error = (sent.get(name, [""])[-1] for name in ("code", "state", "error"))
    provider = "Google" if "/google/" in call.scope["path"] else "GitHub"
    if "error" in sent:
        return _page(failed=f"{provider} answered: {error[:LONGEST_SHOWN] or 'no reason told'}. You can close this tab.")
    if not code:
        return _page(failed=f"{provider} sent no authorisation code. You can close this tab.")
    origin = call.services.settings.frontend_origin or ""
    return _page(target=f"{origin}{EDITOR}?{urlencode({'code': code, 'state': state})}")


def _page(*, failed: str = "", target: str = "") -> Response:
    nonce = secrets.token_urlsafe(16)
    # Inside a script only the text of a string: no character of it may end the script or begin a comment.
    quoted = orjson.dumps(target).decode().replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    shown = html.escape(target)
    content = PAGE.format(
        title="Authentication failed" if failed else "Signing in",
        head="" if failed else f'<meta http-equiv="refresh" content="0;url={shown}">',
        nonce=nonce,
        color="#dc2626" if failed else "#16a34a",
        mark="✗" if failed else "✓",
        text=html.escape(failed) if failed else f'One moment. If nothing happens, <a href="{shown}">go on here</a>.',
        script="" if failed else f'<script nonce="{nonce}">window.location.replace({quoted});</script>',
    )
    headers = {
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "Content-Security-Policy": f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; base-uri 'none'",
    }
    return Response(content, 200, headers, "text/html; charset=utf-8")


SITE_ROUTES = [
    Route(
        "GET",
        f"/auth/{provider}/callback",
        callback,
        f"Return from {title}",
        description="The provider sends the browser here; the page hands `code` and `state` on to the web app.",
        caller="ignored",
        tags=["accounts"],
        media="text/html",
    )
    for provider, title in (("google", "Google"), ("github", "GitHub"))
]
