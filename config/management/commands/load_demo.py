"""Demo data: the roadmap, people by role, and the reference service with its probes; loaded again, it changes nothing."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Any

import yaml
from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import transaction
from django.utils import timezone

from accounts import people
from accounts.models import User
from kpis import channels
from kpis.models import KPI, Channel
from probes.confirming import approve
from probes.models import Probe, Service
from probes.registering import save_probe, save_service
from roadmap import document, loading, rehearsing

INBOX = "Demo inbox"
FIXTURES = Path(settings.BASE_DIR) / "fixtures"


class Command(BaseCommand):
    help = "Load the demo: roadmap, people by role, reference service."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--url", required=True, help="Where the reference service answers.")

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        data = yaml.safe_load((FIXTURES / "demo.yaml").read_text(encoding="utf-8"))
        password = self.people(data["people"])
        plan = document.read((FIXTURES / "roadmap.yaml").read_bytes())
        loading.load(plan, now=now, starts_on=rehearsing.start_of(data, now.date()))
        rehearsing.rehearse(data, now=now)
        for service in data["services"]:
            self.service(service, options["url"], plan.scorecard["slug"])
        self.channel(f"{options['url']}/inbox")
        names = ", ".join(person["username"] for person in data["people"])
        self.stdout.write(f"Log in as {names}; password for each: {password}")
        self.stdout.write(f"Switches of the reference service: {options['url']}/switches")
        self.stdout.write(f"Alerts arrive at: {options['url']}/inbox")

    def people(self, wanted: list[dict[str, str]]) -> str:
        """Make who is missing. One password for all, made once for this installation and kept in `var/`."""
        path = Path(settings.VAR_DIR) / "demo_password"
        known = path.exists()
        password = path.read_text(encoding="utf-8").strip() if known else secrets.token_urlsafe(9)
        for person in wanted:
            user = User.objects.filter(username=person["username"]).first()
            if user is None:
                people.create(username=person["username"], password=password, roles=[person["role"]], first_name=person["name"])
            elif not known:
                user.set_password(password)
                user.save(update_fields=["password"])
        if not known:
            with os.fdopen(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
                file.write(password)
        return password

    @transaction.atomic
    def service(self, wanted: dict[str, Any], url: str, scorecard: str) -> None:
        """Register the reference service, or follow it to another port; people's changes to its probes stay."""
        service = Service.objects.filter(slug=wanted["slug"]).first()
        fresh = service is None
        service = service or Service(slug=wanted["slug"], name=wanted["name"], environment=wanted["environment"], tags=["demo"])
        if fresh or service.base_url != url:
            service.base_url = url
            service.links = [{"name": "Switches", "url": f"{url}/switches"}]
            save_service(service=service, actor=None)
        if not service.confirmed_at and (admin := User.objects.filter(username="admin").first()):
            approve(service=service, actor=admin, now=timezone.now(), why="The reference service of this demo.")
        for probe in wanted["probes"] if fresh else ():
            feeds = [(feed["metric"], KPI.objects.get(scorecard__slug=scorecard, key=feed["kpi"])) for feed in probe["feeds"]]
            order = Probe(service=service, kind=probe["kind"], interval_s=probe["interval_s"], params=probe.get("params", {}))
            save_probe(probe=order, feeds=feeds, actor=None, now=timezone.now())

    def channel(self, url: str) -> None:
        """Tell the inbox of the reference service of every alert, at whatever port it is; people's changes to it stay."""
        there = Channel.objects.filter(kind="webhook", name__startswith=INBOX).first()
        if there is None:
            config = {"url": url, "secret": channels.new_secret()}
            channels.create(kind="webhook", config=config, fields={"name": INBOX}, route={"severity": "low"}, actor=None)
        elif there.archived_at is None and there.config.get("url") != url:
            channels.change(channel=there, config={"url": url}, fields={}, actor=None)
