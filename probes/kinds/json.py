"""Any figure in a JSON document of the service."""

from __future__ import annotations

import asyncio
from typing import Annotated

import msgspec
from msgspec import Meta

from outgoing.http import Unreachable
from probes import http
from probes.addresses import below
from probes.kinds.base import Measured, Outcome, Target, Tools
from probes.kinds.params import FIGURES, Unit, free_reading
from probes.sources import Unread
from probes.sources.document import compiled, figures
from probes.sources.many import Combine, combined

LABEL = "JSON"
METRICS = FIGURES
DEFAULT_INTERVAL_S = 60
TIMED = False


class Params(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    address: Annotated[
        str,
        Meta(
            title="Document",
            description="A path such as /stats, or a full address. Secret headers are sent to the service's own origin only.",
            pattern=r"^(/|https?://)[^\s#]*$(?#a path that begins with /, or an address with http, without spaces and #)",
            max_length=300,
        ),
    ] = "/stats"
    path: Annotated[
        str, Meta(title="JSON path", description="Such as $.cache.hit_rate or $.pools[*].used (RFC 9535).", max_length=300)
    ] = "$.cache.hit_rate"
    unit: Annotated[
        Unit,
        Meta(
            title="Unit of the figure",
            description="Numbers and texts are read, such as 33.3, \"33.3%\" or \"1,250 ms\"; a unit in the text is converted.",
        ),
    ] = "%"  # fmt: skip
    several: Annotated[
        Combine, Meta(title="Of several", description="only: a path that finds more than one figure is a mistake.")
    ] = "only"

    def __post_init__(self) -> None:
        compiled(self.path)


async def measure(target: Target, params: Params, tools: Tools) -> Measured:
    page = await http.ask(below(target.base_url, params.address), target, policy=tools.policy, at=tools.now())
    if page.status != 200:
        raise Unreachable(f"the document's address answered {page.status}")
    try:
        found = await asyncio.to_thread(figures, page.text, params.path, params.unit)
        value = combined(found, params.several)
    except Unread as why:
        return why.measured({})
    note = f"{params.several} of {len(found)} figures" if len(found) > 1 else ""
    one = free_reading(value, params.unit, page.at, count=len(found), note=note)
    return Measured(outcome=Outcome.OK, readings=[one], details={"found": len(found)})
