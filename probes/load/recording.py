"""Samples of one stage: appended as raw nanoseconds, counted into buckets ten times a second."""

from __future__ import annotations

import os
import sys
import time
from array import array
from collections import Counter

import numpy as np

from kpis.stats.histogram import Floats, Recorder
from probes.load.profile import Stage
from probes.load.report import Asked, Gauge, Total


class Times:
    """Histograms of the times of one stretch; `response` stays empty where it equals `service` (closed model)."""

    def __init__(self) -> None:
        self.service, self.response, self.connect, self.lag, self.late = (Recorder() for _ in range(5))

    def clear(self) -> None:
        for recorder in (self.service, self.response, self.connect, self.lag, self.late):
            recorder.clear()


class Record:
    """What happened to the requests that began in a stage, in its warm-up or after it."""

    def __init__(self, number: int, stage: Stage, *, warm: bool, names: list[str]) -> None:
        self.number, self.stage, self.warm, self.names = number, stage, warm, names
        self.service, self.response, self.connect = array("q"), array("q"), array("q")
        self.lag, self.late, self.asked = array("q"), array("q"), array("b")
        self.statuses: Counter[int] = Counter()
        self.arrived: Counter[int] = Counter()
        self.errors: Counter[str] = Counter()
        self.sent = self.size = self.wanted = self.lost_ns = self.user_ns = self.left = self.held = 0
        self.times = Times()
        self.by_request = [Recorder() for _ in names] if len(names) > 1 else []
        self.counts = [0] * len(names)
        self.began = self.ended = 0
        self.machine = machine_time()
        self.processor = time.process_time()
        self.processor_s = self.steal = 0.0

    @property
    def open(self) -> bool:
        return bool(self.stage.rate)

    def flush(self, into: Times) -> None:
        """Move the raw samples into this record's buckets and those of the second."""
        index = np.frombuffer(self.asked, np.int8) if self.asked else np.empty(0, np.int8)
        for name in ("service", "response", "connect", "lag", "late"):
            raw: array[int] = getattr(self, name)
            if not raw:
                continue
            values: Floats = np.frombuffer(raw, np.int64).astype(np.float64) * 1e-6
            getattr(self.times, name).add(values)
            getattr(into, name).add(values)
            if name == "service":
                for number, recorder in enumerate(self.by_request):
                    recorder.add(values[index == number])
            setattr(self, name, array("q"))
        self.asked = array("b")

    def close(self, now_ns: int) -> None:
        """The stretch is over: its own use of the machine is settled, answers may still come."""
        self.ended = now_ns
        self.processor_s = time.process_time() - self.processor
        stolen, total = (after - before for before, after in zip(self.machine, machine_time(), strict=True))
        self.steal = stolen / total if total else 0.0

    def total(self) -> Total:
        seconds = (self.ended - self.began) / 1e9
        service = self.times.service.histogram()
        response = self.times.response.histogram() if self.open else service
        return Total(
            stage=self.number, label=self.stage.label, users=self.stage.users, rate=self.stage.rate, seconds=seconds,
            sent=self.sent, size=self.size, statuses=dict(self.statuses), errors=dict(self.errors), arrived=dict(self.arrived),
            left=self.left, response=response.to_bytes(), service=service.to_bytes(),
            connect=self.times.connect.histogram().to_bytes(), requests=self._requests(), gauge=self.gauge(seconds),
        )  # fmt: skip

    def _requests(self) -> list[Asked]:
        recorders = self.by_request or [self.times.service]
        return [
            Asked(name, count, recorder.histogram().to_bytes())
            for name, count, recorder in zip(self.names, self.counts, recorders, strict=True)
        ]

    def gauge(self, seconds: float) -> Gauge:
        """Open model: sent of what was due, or held back since the service left every connection waiting. Closed: what of the
        users' time was not lost to this process."""
        if self.open:
            achieved = (self.sent + self.held) / self.wanted if self.wanted else 1.0
        else:
            achieved = 1 - self.lost_ns / self.user_ns if self.user_ns else 1.0
        return Gauge(
            cpu=self.processor_s / seconds if seconds else 0.0,
            lag_p95_ms=percentile(self.times.lag, 95),
            late_p99_ms=percentile(self.times.late, 99),
            achieved=min(1.0, max(0.0, achieved)),
            steal=self.steal,
        )


def percentile(recorder: Recorder, percent: float) -> float:
    histogram = recorder.histogram()
    return histogram.percentile(percent) if histogram.count else 0.0


def machine_time() -> tuple[float, float]:
    """(stolen, all) processor time of the machine so far; zeros where it does not say."""
    if sys.platform != "linux" or not os.path.exists("/proc/stat"):
        return 0.0, 0.0
    with open("/proc/stat", encoding="ascii") as file:
        parts = [float(part) for part in file.readline().split()[1:9]]
    return parts[7], sum(parts)
