"""The stopwatch: everything that times a request goes through here. Raw asyncio protocol, httptools, requests as bytes."""

from probes.stopwatch.connection import Connection, ConnectionLost, Response
from probes.stopwatch.engine import Plan, Result, run
from probes.stopwatch.request import prepare

__all__ = ["Connection", "ConnectionLost", "Plan", "Response", "Result", "prepare", "run"]
