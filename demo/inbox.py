"""`/inbox`: where the alerts of the demo arrive, as a webhook receiver would show them. Nothing is kept over a restart."""

from __future__ import annotations

from collections import OrderedDict
from html import escape
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from demo.switch_page import STYLE

router = APIRouter()
MOST = 100


@router.post("/inbox", status_code=204)
async def take(request: Request, message: dict[str, Any]) -> Response:
    """One message; sent again with the same key, it is the same message."""
    inbox = _inbox(request)
    inbox[request.headers.get("webhook-id", str(message.get("id")))] = message
    while len(inbox) > MOST:
        inbox.popitem(last=False)
    return Response(status_code=204)


@router.get("/inbox", response_class=HTMLResponse)
async def page(request: Request) -> Response:
    rows = "".join(_row(message) for message in reversed(_inbox(request).values()))
    policy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
    return HTMLResponse(
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Inbox</title><style>{STYLE}</style></head><body><main><h1>Inbox of the demo</h1>"
        "<p>What Milepost tells of alerts arrives here, newest first.</p>"
        f"<section><ul>{rows or '<li>Nothing has arrived yet.</li>'}</ul></section></main></body></html>",
        headers={"Content-Security-Policy": policy},
    )


def _inbox(request: Request) -> OrderedDict[str, dict[str, Any]]:
    found: OrderedDict[str, dict[str, Any]] = request.app.state.inbox
    return found


def _row(message: dict[str, Any]) -> str:
    title, at, kind = (escape(str(message.get(name, ""))[:300]) for name in ("title", "at", "type"))
    return f'<li><span class="g"><b>{title}</b><br><p>{at} · {kind}</p></span></li>'
