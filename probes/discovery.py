"""What answers at an address: reachable or why not, TLS, metrics, health, routes. Looks, and saves nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from urllib.parse import urljoin

from outgoing.addresses import AddressPolicy, Refused, checked_url
from outgoing.http import Unreachable
from probes import http, openapi
from probes.addresses import below
from probes.kinds.base import Page
from probes.metrics.scrape import Scrape, Unreadable, read

METRICS = ("/metrics", "/metrics/", "/api/metrics", "/prometheus", "/actuator/prometheus")
HEALTH = (
    "/health", "/healthz", "/api/health", "/healthcheck", "/health/ready", "/v2/health/ready", "/readyz", "/livez",
    "/health/liveliness", "/ping", "/-/healthy",
)  # fmt: skip
INTERFACE = ("/openapi.json", "/api/openapi.json", "/v1/openapi.json", "/api/v1/openapi.json", "/swagger.json")
PREFIXES = ("/api", "/api/v1", "/v1")
NOWHERE = "/milepost-asks-for-nothing"
MOST_TRIED = 12
AT_ONCE = 4
LONGEST_S = 25.0


@dataclass(frozen=True)
class Answer:
    """What one request brought: a status and the time to the whole answer, or why there was none."""

    path: str
    status: int | None = None
    took_ms: float | None = None
    error: str = ""
    is_page: bool = False
    """Whether HTML came, which says little where every path answers with it."""

    @property
    def good(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


@dataclass(frozen=True)
class Tried:
    """A route that may be measured, and what it answered when it was tried once (None where it was not)."""

    route: openapi.Route
    answer: Answer | None

    @property
    def good(self) -> bool:
        return self.answer is not None and self.answer.good and not self.answer.error


@dataclass(frozen=True)
class Found:
    """`refused` says why the address may not be reached, `error` why it did not answer; both are empty otherwise."""

    base_url: str
    at: datetime
    refused: str = ""
    error: str = ""
    base: Answer | None = None
    redirect: str = ""
    certificate: http.Certificate | None = None
    metrics_url: str = ""
    scrape: Scrape | None = None
    metrics_error: str = ""
    metrics_beside: str = ""
    """Metrics of the same host that do not lie below the base address: they may be a gateway's, or another service's."""

    health: Answer | None = None
    title: str = ""
    interface: str = ""
    interface_error: str = ""
    routes: list[Tried] = field(default_factory=list)
    others: int = 0
    routes_below: str = ""
    answers_all: bool = False

    @property
    def metrics_want_a_key(self) -> bool:
        return self.metrics_error.endswith(("answered 401", "answered 403"))

    @property
    def reachable(self) -> bool:
        return self.base is not None and self.base.status is not None


@dataclass(frozen=True)
class Asker:
    """Asks one service, a few requests side by side; the headers go to its own origin only."""

    base_url: str
    headers: dict[str, str]
    policy: AddressPolicy
    clock: Callable[[], datetime]
    slots: asyncio.Semaphore

    def address(self, path: str) -> str:
        return below(self.base_url, path)

    async def get(self, path: str) -> tuple[Answer, Page | None]:
        """Raises Refused; whatever else goes wrong is in the answer."""
        url = self.address(path)
        same = checked_url(url)[:2] == checked_url(self.base_url)[:2]
        async with self.slots:
            begun = time.perf_counter()
            try:
                page = await http.fetch(url, policy=self.policy, headers=self.headers if same else {}, at=self.clock())
            except Unreachable as error:
                return Answer(path, error=str(error)), None
        return Answer(path, page.status, (time.perf_counter() - begun) * 1000, is_page="html" in page.media_type), page


async def discover(
    base_url: str,
    *,
    policy: AddressPolicy,
    clock: Callable[[], datetime],
    headers: dict[str, str] | None = None,
    metrics_url: str = "",
    health_path: str = "",
    longest_s: float = LONGEST_S,
) -> Found:
    """Look at a service as its probes would: the same client, policy and headers. Never raises; `Found` says what went wrong."""
    asker = Asker(base_url, headers or {}, policy, clock, asyncio.Semaphore(AT_ONCE))
    found = Found(base_url, clock())
    try:
        async with asyncio.timeout(longest_s):
            found = await _reach(asker, found)
            return await _look(asker, found, metrics_url, health_path) if found.reachable else found
    except Refused as refused:
        return replace(found, refused=str(refused))
    except TimeoutError:
        return replace(found, error=f"it did not answer within {longest_s:g} s")


async def _reach(asker: Asker, found: Found) -> Found:
    answer, page = await asker.get("")
    if page is None:
        return replace(found, base=answer, error=answer.error)
    away = urljoin(asker.base_url, page.headers.get("location", "")) if 300 <= page.status < 400 else ""
    try:
        certificate = await http.certificate(asker.base_url, policy=asker.policy)
    except Unreachable:
        certificate = None
    return replace(found, base=answer, redirect=away, certificate=certificate)


async def _look(asker: Asker, found: Found, metrics_url: str, health_path: str) -> Found:
    nowhere, described = await asyncio.gather(asker.get(NOWHERE), _interface(asker))
    where, interface, unread = described
    told = [route.path for route in interface.routes if route.is_health] if interface else []
    answers_all = nowhere[0].good
    pages_tell = nowhere[0].status is not None and not answers_all
    (at, scrape, why), health, routes = await asyncio.gather(
        _metrics(asker, [metrics_url] if metrics_url else METRICS),
        _health(asker, [health_path] if health_path else [*told, *HEALTH], pages_tell),
        _try_routes(asker, interface.routes if interface else [], answers_all),
    )
    beside = [] if scrape or metrics_url else _beside(asker, METRICS)
    return replace(
        found, metrics_url=at, scrape=scrape, metrics_error=why, health=health, interface=where, routes=routes,
        metrics_beside=(await _metrics(asker, beside))[0],
        routes_below=await _below(asker, [tried for tried in routes if tried.answer]),
        title=interface.title if interface else "", others=interface.others if interface else 0, answers_all=answers_all,
        interface_error=unread,
    )  # fmt: skip


def _beside(asker: Asker, paths: Sequence[str]) -> list[str]:
    """The same paths beside a base address that has one itself, as full addresses."""
    origin = urljoin(asker.base_url, "/")
    return [below(origin, path) for path in paths if checked_url(asker.base_url).path.strip("/")]


async def _metrics(asker: Asker, candidates: Sequence[str]) -> tuple[str, Scrape | None, str]:
    """Where metrics are, and what they are; else what the first address said."""
    said = ""
    for path in candidates:
        try:
            answer, page = await asker.get(path)
        except Refused as refused:
            answer, page = Answer(path, error=str(refused)), None
        if page is None or not answer.good:
            said = said or f"{path} {answer.error or f'answered {answer.status}'}"
            continue
        try:
            return path, read(page.text, page.media_type, page.at), ""
        except Unreadable as error:
            said = said or f"{path}: {error}"
    return "", None, said


async def _health(asker: Asker, candidates: Sequence[str], pages_tell: bool) -> Answer | None:
    """The first path that says it is well. Where every path may answer, a page for people is no sign of health."""
    for path in dict.fromkeys(candidates):
        answer, _ = await asker.get(path)
        if answer.good and (pages_tell or not answer.is_page):
            return answer
    return None


async def _interface(asker: Asker) -> tuple[str, openapi.Interface | None, str]:
    """Where the document is, and what it says; else why the first candidate that is there could not be read."""
    base_path = checked_url(asker.base_url).path
    said = ""
    for path in (*INTERFACE, *_beside(asker, INTERFACE)):
        answer, page = await asker.get(path)
        if page is None:
            said = said or f"{path}: {answer.error}"
        elif answer.good and not answer.is_page:
            try:
                return path, openapi.read(page.text, base_path=base_path), ""
            except openapi.NotOpenApi as error:
                said = said or f"{path}: {error}"
    return "", None, said


async def _try_routes(asker: Asker, routes: Sequence[openapi.Route], answers_all: bool) -> list[Tried]:
    """Ask the first few routes once, where their names do not say that asking does something."""
    wanted = [route for route in routes if not route.is_health]
    tried = [route for route in wanted if route.safe][:MOST_TRIED]
    answers: list[Awaitable[tuple[Answer, Page | None]]] = [asker.get(route.path) for route in tried]
    known = dict(zip([route.path for route in tried], [answer for answer, _ in await asyncio.gather(*answers)], strict=True))
    if answers_all:  # a page for people instead of what the document promises: the route is elsewhere
        known = {path: replace(one, error="a page instead of an answer") if one.is_page else one for path, one in known.items()}
    return [Tried(route, known.get(route.path)) for route in wanted]


async def _below(asker: Asker, tried: Sequence[Tried]) -> str:
    """The base address below which the routes answer, where they are not where their document says."""
    if not tried or any(one.answer.status != 404 and not one.answer.error for one in tried if one.answer):
        return ""
    for prefix in PREFIXES:
        answer, _ = await asker.get(f"{prefix}{tried[0].route.path}")
        if answer.good and not answer.is_page:
            return asker.address(prefix)
    return ""
