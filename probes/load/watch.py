"""Watches a run second by second: one whose target is down ends by itself."""

from __future__ import annotations

from collections import deque

from probes.load.profile import Profile
from probes.load.report import Row


class Watch:
    """`reason` says why to stop: for `after_s` seconds more than `share` of the requests failed, or nothing was answered."""

    def __init__(self, profile: Profile, *, share: float = 0.5, after_s: int = 10) -> None:
        self.profile, self.share = profile, share
        self.last: deque[tuple[int, int, int]] = deque(maxlen=after_s)

    def see(self, row: Row) -> None:
        failed = sum(count for status, count in row.statuses.items() if self.profile.failed(status)) + sum(row.errors.values())
        if row.sent or row.ended:
            self.last.append((row.ended, failed, row.sent))

    @property
    def reason(self) -> str:
        if len(self.last) < (self.last.maxlen or 1):
            return ""
        ended, failed = sum(one[0] for one in self.last), sum(one[1] for one in self.last)
        if all(failed_here > self.share * ended_here for ended_here, failed_here, _ in self.last):
            return f"{failed / ended * 100 if ended else 100:.0f} % of the requests failed for {len(self.last)} s"
        return ""
