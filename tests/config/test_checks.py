"""What is misconfigured is named by its id; production settings are clean."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from config.checks import check_settings

ROOT = Path(__file__).resolve().parents[2]
PRODUCTION = {"PRODUCTION": True, "ALLOWED_HOSTS": ["milepost.example"], "BASE_URL": "https://milepost.example", "DEBUG": False}


def ids(settings: Any, **values: Any) -> list[str]:
    for name, value in values.items():
        setattr(settings, name, value)
    return [str(message.id) for message in check_settings()]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, []),
        ({"REDIS_URL": "cache:6379"}, ["config.E001"]),
        ({"BASE_URL": "milepost.example"}, ["config.E002"]),
        ({"DATABASES": {"default": {"ENGINE": "django.db.backends.mysql"}}}, ["config.E003"]),
        ({"EMAIL_USE_TLS": True, "EMAIL_USE_SSL": True}, ["config.E004"]),
        ({"KEEP_RAW_DAYS": 0}, ["config.E005"]),
        ({"KEEP_ALERTS_DAYS": -1}, ["config.E005"]),
        (PRODUCTION, []),
        (PRODUCTION | {"DEBUG": True}, ["config.E006"]),
        (PRODUCTION | {"ALLOWED_HOSTS": ["*"]}, ["config.E007"]),
        (PRODUCTION | {"BASE_URL": "http://milepost.example"}, ["config.W001"]),
    ],
)
@pytest.mark.filterwarnings("ignore:Overriding setting DATABASES")
def test_misconfiguration_has_an_id(values: dict[str, Any], expected: list[str], settings: Any) -> None:
    assert ids(settings, **values) == expected


def check(tmp_path: Path, *options: str, **env: str) -> subprocess.CompletedProcess[str]:
    names = {"PATH": os.environ["PATH"], "MILEPOST_VAR": str(tmp_path), "PRODUCTION": "true"}
    command = [sys.executable, "manage.py", "check", *options]
    return subprocess.run(command, cwd=ROOT, env=names | env, capture_output=True, text=True, check=False)


def test_production_settings_are_clean(tmp_path: Path) -> None:
    key = "k3y-" + "".join(chr(33 + n) for n in range(60))
    done = check(tmp_path, "--deploy", "--fail-level", "WARNING", SECRET_KEY=key, ALLOWED_HOSTS="milepost.example")
    assert (done.returncode, done.stderr) == (0, "")


def test_production_needs_a_secret_key(tmp_path: Path) -> None:
    done = check(tmp_path, ALLOWED_HOSTS="milepost.example")
    assert done.returncode != 0
    assert "PRODUCTION needs SECRET_KEY" in done.stderr
