"""Starts everything on one machine and stops it again: `make run`, and with --demo `make demo`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from config.ports import free_port
from config.preparing import prepare
from config.settings import env_int
from config.supervisor import Program, Supervisor

HOST = "127.0.0.1"


class Command(BaseCommand):
    help = "Start web, engine and, with --demo, the demo service with its traffic; Ctrl-C stops everything."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--demo", action="store_true", help="Load the demo data and run the demo service too.")
        parser.add_argument("--port", type=int, default=env_int("PORT", 8000))
        parser.add_argument("--demo-port", type=int, default=env_int("DEMO_PORT", 8090))

    requires_system_checks: list[str] = []  # `make check` runs them; a start should be quick

    def handle(self, *args: Any, **options: Any) -> None:
        port = self.port(options["port"], "PORT")
        preset("BASE_URL", f"http://{HOST}:{port}")
        supervisor = Supervisor(lambda line: self.stderr.write(f"milepost: {line}"))
        supervisor.listen()
        demo_url = self.start_demo(supervisor, options["demo_port"], port) if options["demo"] else ""
        self.prepare(supervisor)
        supervisor.add(Program("web", web_command(port)))
        if demo_url and not supervisor.stopping:
            self.load_demo(supervisor, demo_url)
        for program in () if supervisor.stopping else engine_programs():
            supervisor.add(program)
        self.announce(port, demo=options["demo"])
        code = supervisor.run()
        self.stdout.write("Milepost has stopped.")
        if code:
            raise SystemExit(code)

    def port(self, wanted: int, variable: str) -> int:
        try:
            port = free_port(wanted)
        except OSError as error:
            raise CommandError(
                f"cannot listen on {HOST}:{wanted} ({error.strerror}); choose another with {variable}=…"
            ) from error
        if port != wanted:
            self.stdout.write(f"Port {wanted} is taken; using {port} (choose with {variable}=…).")
        return port

    def prepare(self, supervisor: Supervisor) -> None:
        try:
            prepare()
        except Exception:
            supervisor.shut_down()
            raise

    def start_demo(self, supervisor: Supervisor, wanted: int, taken: int) -> str:
        """Start the reference service and its traffic; returns its address, which probes and channels may reach."""
        port = self.port(wanted + 1 if wanted == taken else wanted, "DEMO_PORT")
        url = f"http://{HOST}:{port}"
        for name in ("PROBE_ALLOW", "CHANNEL_ALLOW"):
            os.environ[name] = ",".join(filter(None, [os.environ.get(name), f"{HOST}:{port}"]))
        preset("ALLOW_SELF_APPROVAL", "true")
        data = Path(settings.VAR_DIR) / "demo"
        supervisor.add(Program("demo", [sys.executable, "-m", "demo", "--port", str(port), "--data", str(data)], vital=False))
        supervisor.add(Program("traffic", [sys.executable, "-m", "demo.traffic", "--url", url], vital=False))
        return url

    def load_demo(self, supervisor: Supervisor, url: str) -> None:
        """In a process of its own: only there do the settings hold the address that was just allowed."""
        loaded = subprocess.run([sys.executable, "manage.py", "load_demo", "--url", url], check=False)  # noqa: S603
        if loaded.returncode and not supervisor.stopping:
            supervisor.shut_down()
            raise CommandError("the demo data could not be loaded")

    def announce(self, port: int, *, demo: bool) -> None:
        self.stdout.write(f"\nMilepost: http://{HOST}:{port}/   (Ctrl-C stops everything)")
        if not demo:
            self.stdout.write("First administrator: .venv/bin/python manage.py create_admin")
        self.stdout.flush()


def preset(name: str, text: str) -> None:
    """Set a variable, unless it is set; for the settings an empty one is not."""
    if not os.environ.get(name, "").strip():
        os.environ[name] = text


def web_command(port: int) -> list[str]:
    granian = Path(sys.executable).parent / "granian"
    threads = "4"
    return [str(granian), "--interface", "wsgi", "--host", HOST, "--port", str(port), "--workers", "1",
            "--blocking-threads", threads, "--log-level", "warning", "config.wsgi:application"]  # fmt: skip


def engine_programs() -> list[Program]:
    """The embedded engine, or with Redis its parts as processes of their own (see the Procfile)."""
    if not settings.REDIS_URL:
        return [Program("engine", [sys.executable, "manage.py", "engine"])]
    celery = [sys.executable, "-m", "celery", "-q", "-A", "config"]
    quiet = ["--loglevel", "WARNING"]
    return [
        Program("worker", [*celery, "worker", "-Q", "probes", "-n", "probes@%h", "-c", "2", *quiet]),
        Program("load worker", [*celery, "worker", "-Q", "load", "-n", "load@%h", "-c", "1", *quiet]),
        Program("beat", [*celery, "beat", "--pidfile=", *quiet]),
    ]
