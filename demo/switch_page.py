"""`/switches`: the page, and the API behind it. No script, no foreign asset."""

from __future__ import annotations

from html import escape
from typing import Any
from urllib.parse import parse_qs, urlsplit

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from pydantic import BaseModel

from demo.switches import BadParameter, Board, Switch

router = APIRouter()
LOCAL = {"127.0.0.1", "localhost", "::1", "[::1]"}
TITLES = {1: "Phase 1: database", 2: "Phase 2: caching", 0: "A fault, to see an alert"}

STYLE = """
:root{color-scheme:light dark;
--page:light-dark(#f5f6f8,#0b0e12);
--surface:light-dark(#fff,#12161c);
--ink:light-dark(#14181f,#e8ebf0);
--dim:light-dark(#4a5361,#aab3c0);
--line:light-dark(#e2e5ea,#262d37);
--on:light-dark(#126c3d,#4fc48c)}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:14px/1.45 system-ui,sans-serif}
main{max-width:860px;margin:0 auto;padding:28px 16px 60px}
h1{font-size:23px;margin:0 0 4px}
h2{font-size:15px;margin:0;flex:1}
p{margin:0;color:var(--dim)}
section{background:var(--surface);border:1px solid var(--line);border-radius:10px;margin-top:16px;overflow:hidden}
header,li{display:flex;gap:12px;align-items:center;padding:12px 16px;flex-wrap:wrap}
ul{list-style:none;margin:0;padding:0}
li{border-top:1px solid var(--line)}
.g{flex:1;min-width:220px}
.s{font-weight:650;min-width:42px;color:var(--dim)}
.s.on{color:var(--on)}
form{display:flex;gap:8px;align-items:end;flex-wrap:wrap}
label{font-size:12px;color:var(--dim);display:grid}
input{width:84px;font:inherit;padding:3px 6px;border:1px solid var(--line);border-radius:6px;background:var(--page);
  color:inherit}
button{font:inherit;font-weight:600;padding:5px 12px;border:1px solid var(--line);border-radius:7px;
  background:var(--surface);color:inherit;cursor:pointer}
:focus-visible{outline:2px solid #2a55c4;outline-offset:2px}
"""


class Turn(BaseModel):
    on: bool
    parameters: dict[str, int] = {}


def board(request: Request) -> Board:
    found: Board = request.app.state.board
    return found


async def guarded(request: Request, call_next: Any) -> Response:
    """Refuse the switches and the inbox to strangers: another host name, or a form sent by another origin."""
    if request.url.path.startswith(("/switches", "/inbox")):
        host = request.url.hostname or ""
        origin = request.headers.get("origin")
        foreign = origin is not None and urlsplit(origin).netloc != request.headers.get("host")
        if host not in LOCAL or foreign:
            return JSONResponse({"detail": "the switches answer this machine only"}, 403)
    response: Response = await call_next(request)
    return response


@router.get("/switches", response_class=HTMLResponse)
async def page(request: Request) -> Response:
    if "text/html" not in request.headers.get("accept", ""):
        return JSONResponse([as_json(switch) for switch in board(request).switches.values()])
    policy = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'"
    return HTMLResponse(render(board(request)), headers={"Content-Security-Policy": policy})


@router.put("/switches/{name}")
async def turn(request: Request, name: str, wanted: Turn) -> Any:
    try:
        return as_json(await board(request).turn(name, wanted.on, wanted.parameters))
    except KeyError:
        raise HTTPException(404, "no such switch") from None
    except BadParameter as error:
        raise HTTPException(422, str(error)) from None


@router.put("/switches/phases/{phase}")
async def turn_phase(request: Request, phase: int, wanted: Turn) -> Any:
    try:
        return [as_json(switch) for switch in await board(request).turn_phase(phase, wanted.on)]
    except KeyError:
        raise HTTPException(404, "no such phase") from None


@router.post("/switches")
async def submit(request: Request) -> Response:
    """The page's forms: one switch or a whole phase, with parameters."""
    sent = {key: values[0] for key, values in parse_qs((await request.body()).decode()).items()}
    on = sent.pop("on", "") == "1"
    try:
        if phase := sent.pop("phase", ""):
            await board(request).turn_phase(int(phase), on)
        else:
            await board(request).turn(sent.pop("name", ""), on, sent)
    except (KeyError, ValueError) as error:
        return HTMLResponse(render(board(request), str(error)), 422)
    return RedirectResponse("/switches", 303)


def as_json(switch: Switch) -> dict[str, Any]:
    return {
        "name": switch.name, "phase": switch.phase, "title": switch.title, "on": switch.on, "effect": switch.effect,
        "parameters": switch.parameters, "no_effect_because": switch.available or None,
    }  # fmt: skip


def render(board: Board, error: str = "") -> str:
    phases = "".join(_phase(board, phase) for phase in TITLES)
    trouble = f'<p role="alert"><b>{escape(error)}</b></p>' if error else ""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Switches</title><style>{STYLE}</style></head><body><main><h1>Switches of the reference service</h1>"
        "<p>Each is a real change in the running service. What it brings is for Milepost to measure.</p>"
        f"{trouble}{phases}</main></body></html>"
    )


def _phase(board: Board, phase: int) -> str:
    switches = [switch for switch in board.switches.values() if switch.phase == phase]
    both = "".join(
        f'<form method="post"><input type="hidden" name="phase" value="{phase}">'
        f'<button name="on" value="{value}">All {word}</button></form>'
        for value, word in (("1", "on"), ("0", "off"))
    )
    rows = "".join(_row(switch) for switch in switches)
    return f"<section><header><h2>{TITLES[phase]}</h2>{both}</header><ul>{rows}</ul></section>"


def _row(switch: Switch) -> str:
    fields = "".join(
        f'<label>{escape(name.replace("_", " "))}<input name="{escape(name)}" value="{value}" inputmode="numeric"></label>'
        for name, value in switch.parameters.items()
    )
    note = f" <b>Here it has no effect: {escape(switch.available)}.</b>" if switch.available else ""
    other = ("0", "Switch off") if switch.on else ("1", "Switch on")
    again = '<button name="on" value="1">Apply</button>' if switch.on and fields else ""
    return (
        f'<li><span class="s{" on" if switch.on else ""}">{"On" if switch.on else "Off"}</span>'
        f'<span class="g"><b>{escape(switch.title)}</b><br><p>{escape(switch.effect)}{note}</p></span>'
        f'<form method="post"><input type="hidden" name="name" value="{escape(switch.name)}">{fields}{again}'
        f'<button name="on" value="{other[0]}" aria-label="{other[1]}: {escape(switch.title)}">{other[1]}</button></form></li>'
    )
