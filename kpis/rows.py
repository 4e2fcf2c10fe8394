"""What a scorecard page lists: standings picked, sorted and grouped as its address asks. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from kpis.evaluation import Status, attainment
from kpis.models import Across, Category
from kpis.standing import Standing

GROUPS = {"category": "By category", "service": "By subject", "owner": "By owner"}
SORTS = {"plan": "Order of the plan", "name": "Name", "status": "Worst first", "way": "Least way first", "age": "Oldest first"}
CATEGORIES = {value: (f"{place:02}", label) for place, (value, label) in enumerate(Category.choices)}
NOBODY, NOT_MEASURED = "No owner", "Not measured"
_LAST = "\uffff"
ATTENTION = (Status.BREACHED, Status.BEHIND, Status.STALE, Status.NO_DATA)
_WORST_FIRST = (Status.BREACHED, Status.NO_DATA, Status.STALE, Status.BEHIND, Status.NO_TARGET, Status.ON_TRACK, Status.MET)


@dataclass(frozen=True)
class Choice:
    """What an address asks for; whatever it says that is not known is the default."""

    text: str = ""
    show: str = "all"
    sort: str = "plan"
    group: str = "category"
    category: str = ""

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Choice:
        show, sort, group = query.get("show", ""), query.get("sort", ""), query.get("group", "")
        return cls(
            text=query.get("q", "").strip()[:80],
            show=show if show in ("attention", "waived", *Status) else "all",
            sort=sort if sort in SORTS else "plan",
            group=group if group in GROUPS else "category",
            category=query.get("category", "") if query.get("category") in Category.values else "",
        )

    @property
    def filtered(self) -> bool:
        return bool(self.text or self.category) or self.show != "all"


@dataclass(frozen=True)
class Row:
    """A standing and how far it has come, also where the figure is too old to judge; `source` says whose figure it is."""

    standing: Standing
    way: float | None
    source: str


@dataclass(frozen=True)
class Group:
    title: str
    met: int
    rows: tuple[Row, ...]


def way_of(standing: Standing) -> float | None:
    """The share of the way from baseline to target: of a stale figure too; None where there is none to tell."""
    if standing.attainment is not None or standing.goal is None or standing.actual is None:
        return standing.attainment
    return attainment(standing.goal, standing.actual)


def source_of(standing: Standing) -> str:
    """`orders-api`, `orders-api is worst of 3`, `merged histograms of 3`; nothing where no series counts."""
    counting = sum(row.counts for row in standing.series)
    if counting < 2:
        return standing.worst_subject
    kpi = standing.kpi
    alone = {Across.WORST: "worst", Across.NAMED: "named"}.get(Across(kpi.across))
    return f"{standing.worst_subject} is {alone} of {counting}" if alone else f"{kpi.get_across_display()} of {counting}"


def needs_attention(standing: Standing) -> bool:
    return standing.waived_until is None and standing.status in ATTENTION


def picked(standings: Sequence[Standing], choice: Choice) -> list[Standing]:
    """Those that the choice shows, in its order."""
    shown = [
        one
        for one in standings
        if _shown(one, choice.show) and _named(one, choice.text.casefold()) and choice.category in ("", one.kpi.category)
    ]
    keys: dict[str, Callable[[Standing], tuple[float, str]]] = {
        "name": lambda one: (0, one.kpi.name.casefold()),
        "status": lambda one: (_WORST_FIRST.index(one.status), one.kpi.name),
        "way": lambda one: (way if (way := way_of(one)) is not None else -1e9, one.kpi.name),
        "age": lambda one: (one.at.timestamp() if one.at else -1.0, one.kpi.name),
    }
    return sorted(shown, key=keys[choice.sort]) if choice.sort in keys else shown


def grouped(standings: Sequence[Standing], choice: Choice) -> list[Group]:
    """Groups in a fixed order, each with its rows in theirs."""
    found: dict[tuple[str, str], list[Standing]] = {}
    for one in standings:
        found.setdefault(_group_of(one, choice.group), []).append(one)
    return [
        Group(title, sum(one.status == Status.MET for one in rows), tuple(Row(one, way_of(one), source_of(one)) for one in rows))
        for (_, title), rows in sorted(found.items(), key=lambda item: item[0][0])
    ]


def _shown(one: Standing, show: str) -> bool:
    """A waived KPI counts under `waived`, as in the status bar, so that the two agree."""
    if show == "all":
        return True
    if show == "attention":
        return needs_attention(one)
    return (one.waived_until is not None) if show == "waived" else (one.waived_until is None and one.status == show)


def _named(one: Standing, text: str) -> bool:
    return not text or any(text in word.casefold() for word in (one.kpi.name, one.kpi.key, *(row.subject for row in one.series)))


def _group_of(one: Standing, group: str) -> tuple[str, str]:
    if group == "category":
        return CATEGORIES[one.kpi.category]
    name = one.worst_subject if group == "service" else str(one.kpi.owner or "")
    return (name.casefold() or _LAST, name or (NOT_MEASURED if group == "service" else NOBODY))
