"""What happened between two scrapes. Denominator 0 is no data; a counter that dropped makes the window invalid."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta

from probes.metrics.scrape import Key, Scrape

LONGEST = timedelta(hours=1)


class NoWindow(Exception):
    """No two scrapes to compare yet, or they lie too far apart."""


class Restarted(Exception):
    """The application started anew inside the window: nothing is guessed."""


class Replicas(Exception):
    """Several instances answer behind one address, so that their counters interleave."""


@dataclass(frozen=True)
class Window:
    """Two scrapes of one running instance, `before` the earlier one."""

    before: Scrape
    after: Scrape

    @property
    def seconds(self) -> float:
        return (self.after.at - self.before.at).total_seconds()

    def deltas(self, name: str) -> dict[Key, float]:
        """Growth of each series of a counter; one that was absent at first counts from 0."""
        return {key: value - self.before.samples.get(key, 0.0) for key, value in self.after.samples.items() if key[0] == name}

    def grown(self, *names: str) -> float | None:
        """Growth of the first counter of these that is there; None where none is."""
        for name in names:
            if self.after.has(name):
                return sum(self.deltas(name).values())
        return None

    def requests(self, left_out: Collection[str]) -> tuple[float, float] | None:
        """(all, failed) requests of the application, without metrics and health; None where it does not count them."""
        preset = self.after.preset
        if not preset.requests or not self.after.has(preset.requests):
            return None
        counted = failed = 0.0
        for (_, labels), grown in self.deltas(preset.requests).items():
            told = dict(labels)
            if not preset.own(told, left_out):
                counted += grown
                failed += grown if preset.failed(told) else 0.0
        return counted, failed


def window(before: Scrape | None, after: Scrape, *, earlier_starts: Collection[float] = ()) -> Window:
    """Put two scrapes together. Raises NoWindow, Restarted or Replicas.

    A start time that changes forwards is a restart; one that goes back to an earlier one shows several instances.
    """
    if before is None:
        raise NoWindow("no window yet: the next run has one")
    if not timedelta(0) < after.at - before.at <= LONGEST:
        raise NoWindow("the last scrape is too old to compare with")
    then, now = before.started, after.started
    if then is not None and now is not None and then != now:
        if now < then or now in earlier_starts:
            raise Replicas("several instances answer at this address; scrape each by its own")
        raise Restarted("the application started anew inside the window")
    if any(after.samples.get(key, 0.0) < value for key, value in before.samples.items() if _counts(key[0])):
        raise Restarted("a counter dropped inside the window")
    return Window(before, after)


def _counts(name: str) -> bool:
    return name.endswith(("_total", "_count", "_sum")) and name not in ("db_client_connection_count",)
