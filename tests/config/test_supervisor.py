"""Real processes, started and stopped."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from config.supervisor import Program, Supervisor

FOREVER = [sys.executable, "-c", "import signal; signal.pause()"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); signal.pause()",
]
LAUNCHER = """
import sys
from config.supervisor import Program, Supervisor
supervisor = Supervisor(print)
supervisor.listen()
supervisor.add(Program("child", [sys.executable, "-c", "import signal; signal.pause()"]))
print(supervisor.programs[0].process.pid, flush=True)
sys.exit(supervisor.run())
"""


def alive(pid: int) -> bool:
    """Whether the process runs (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def gone(pid: int, within_s: float = 10) -> bool:
    until = time.monotonic() + within_s
    while alive(pid) and time.monotonic() < until:
        time.sleep(0.05)
    return not alive(pid)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_launcher_ended_leaves_no_child(number: int) -> None:
    with subprocess.Popen([sys.executable, "-c", LAUNCHER], stdout=subprocess.PIPE, text=True) as launcher:
        assert launcher.stdout is not None
        child = int(launcher.stdout.readline())
        os.kill(launcher.pid, number)
        assert launcher.wait(timeout=20) in (0, -signal.SIGKILL)
    assert gone(child)


def test_program_that_died_is_started_again() -> None:
    said: list[str] = []
    supervisor = Supervisor(said.append)
    supervisor.add(Program("child", FOREVER))
    first = supervisor.programs[0].process
    assert first is not None
    first.kill()
    first.wait()
    assert supervisor._look_after() == 0
    second = supervisor.programs[0].process
    supervisor.shut_down()
    assert second is not None
    assert second.pid != first.pid
    assert said == ["child ended with code -9; starting it again"]


@pytest.mark.parametrize(("vital", "code"), [(True, 1), (False, 0)])
def test_program_that_does_not_stay_up(vital: bool, code: int) -> None:
    supervisor = Supervisor(lambda line: None)
    program = Program("child", [sys.executable, "-c", "raise SystemExit(3)"], vital=vital)
    supervisor.add(program)
    codes = set()
    for _ in range(Program.MAX_STARTS):
        assert program.process is not None
        program.process.wait()
        codes.add(supervisor._look_after())
    assert code in codes
    assert program.given_up is not vital
    assert len(program.starts) == Program.MAX_STARTS


def test_program_that_ignores_sigterm_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("config.supervisor.GRACE_S", 0.3)
    supervisor = Supervisor(lambda line: None)
    supervisor.add(Program("stubborn", STUBBORN))
    process = supervisor.programs[0].process
    assert process is not None
    supervisor.shut_down()
    assert process.wait(timeout=5) in (-signal.SIGKILL, -signal.SIGTERM)
