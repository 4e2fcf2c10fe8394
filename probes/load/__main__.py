"""`python -m probes.load`: one shard in a clean process.

On standard input come a line of JSON, its order, and once it has said that it is ready another, the time to start. Its rows and
its last word go to standard output, a line each. It stops when standard input ends (whoever started it is gone) or by SIGTERM.
"""

from __future__ import annotations

import asyncio
import gc
import resource
import signal
import sys

import msgspec
import uvloop

from outgoing.addresses import Refused
from probes.load.report import Final, Told
from probes.load.sending import Way
from probes.load.shard import Shard
from probes.load.spec import Spec
from probes.load.wire import reason


def main() -> None:
    spec = msgspec.json.decode(sys.stdin.buffer.readline(), type=Spec)
    more_files()
    shard = Shard(spec, lambda row: tell(Told(row=row)))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            way = runner.run(shard.prepare())
        except (Refused, OSError) as error:
            tell(Told(refused=str(error) if isinstance(error, Refused) else f"{spec.base_url}: {reason(error)}"))
            return
        tell(Told(ready=True))
        if start := sys.stdin.buffer.readline():
            settle()
            tell(Told(final=runner.run(work(shard, way, float(start)))))


async def work(shard: Shard, way: Way, start_at: float) -> Final:
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, shard.stop)
    loop.add_reader(sys.stdin.fileno(), shard.stop)
    return await shard.run(way, start_at)


def tell(told: Told) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(told) + b"\n")
    sys.stdout.buffer.flush()


def settle() -> None:
    """What is there stays; the collector need not look at it again, nor often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)


def more_files() -> None:
    """As many connections as the system lets this process have."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


if __name__ == "__main__":
    main()
