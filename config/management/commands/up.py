"""Starts everything on one machine and stops it again: `make run`, and with --demo `make demo`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from config.ports import free_port
from config.supervisor import Program, Supervisor

HOST = "127.0.0.1"


class Command(BaseCommand):
    help = "Start web, engine and, with --demo, the demo service with its traffic; Ctrl-C stops everything."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--demo", action="store_true", help="Load the demo data and run the demo service too.")
        parser.add_argument("--port", type=int, default=int(os.environ.get("PORT") or 8000))
        parser.add_argument("--demo-port", type=int, default=int(os.environ.get("DEMO_PORT") or 8090))

    def handle(self, *args: Any, **options: Any) -> None:
        port = self.port(options["port"], "PORT")
        os.environ.setdefault("BASE_URL", f"http://{HOST}:{port}")
        self.prepare()
        supervisor = Supervisor(lambda line: self.stderr.write(f"milepost: {line}"))
        supervisor.listen()
        if options["demo"]:
            demo_port = self.port(max(options["demo_port"], port + 1 if options["demo_port"] == port else 0), "DEMO_PORT")
            self.start_demo(supervisor, demo_port)
        supervisor.add(Program("web", web_command(port)))
        for program in engine_programs():
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

    def prepare(self) -> None:
        call_command("migrate", verbosity=0)
        call_command("collectstatic", verbosity=0, interactive=False)

    def start_demo(self, supervisor: Supervisor, port: int) -> None:
        url = f"http://{HOST}:{port}"
        allowed = f"{HOST}:{port}"
        os.environ["PROBE_ALLOW"] = ",".join(filter(None, [os.environ.get("PROBE_ALLOW"), allowed]))
        os.environ.setdefault("ALLOW_SELF_APPROVAL", "true")
        data = Path(settings.VAR_DIR) / "demo"
        supervisor.add(Program("demo", [sys.executable, "-m", "demo", "--port", str(port), "--data", str(data)], vital=False))
        supervisor.add(Program("traffic", [sys.executable, "-m", "demo.traffic", "--url", url], vital=False))
        # In a process of its own: only there do the settings hold the address that was just allowed.
        loaded = subprocess.run([sys.executable, "manage.py", "load_demo", "--url", url], check=False)  # noqa: S603
        if loaded.returncode:
            supervisor.shut_down()
            raise CommandError("the demo data could not be loaded")

    def announce(self, port: int, *, demo: bool) -> None:
        self.stdout.write(f"\nMilepost: http://{HOST}:{port}/   (Ctrl-C stops everything)")
        if not demo:
            self.stdout.write("First administrator: .venv/bin/python manage.py create_admin")
        self.stdout.flush()


def web_command(port: int) -> list[str]:
    granian = Path(sys.executable).parent / "granian"
    threads = "4"
    return [str(granian), "--interface", "wsgi", "--host", HOST, "--port", str(port), "--workers", "1",
            "--blocking-threads", threads, "--log-level", "warning", "config.wsgi:application"]  # fmt: skip


def engine_programs() -> list[Program]:
    """The embedded engine, or with Redis its parts as processes of their own (see the Procfile)."""
    if not settings.REDIS_URL:
        return [Program("engine", [sys.executable, "manage.py", "engine"])]
    celery = [sys.executable, "-m", "celery", "-A", "config"]
    quiet = ["--loglevel", "WARNING"]
    return [
        Program("worker", [*celery, "worker", "-Q", "probes", "-n", "probes@%h", "-c", "2", *quiet]),
        Program("load worker", [*celery, "worker", "-Q", "load", "-n", "load@%h", "-c", "1", *quiet]),
        Program("beat", [*celery, "beat", "--scheduler", "celery.beat:Scheduler", "--pidfile=", *quiet]),
    ]
