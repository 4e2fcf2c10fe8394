import re
import runpy
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

ROOT = Path(settings.BASE_DIR)
FILE = ROOT / "config" / "settings.py"


def variables() -> set[str]:
    return set(re.findall(r'env_\w+\("([A-Z_]+)"', FILE.read_text(encoding="utf-8")))


def settings_with(text: str | None, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The settings where every variable holds this text, or is not set; the key is given, since a new one lands on disk."""
    for name in variables():
        monkeypatch.delenv(name, raising=False) if text is None else monkeypatch.setenv(name, text)
    monkeypatch.setenv("SECRET_KEY", "given")
    return {name: value for name, value in runpy.run_path(str(FILE)).items() if name.isupper()}


def test_every_variable_that_the_settings_read_is_documented() -> None:
    read = variables()
    told = set(re.findall(r"`([A-Z_]+)`", (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")))
    assert "DATABASE_URL" in read
    assert read - told == set()


@pytest.mark.parametrize("text", ["", " "])
def test_an_empty_variable_is_as_one_that_is_not_set(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    unset = settings_with(None, monkeypatch)
    assert unset["VAR_DIR"] == ROOT / "var"
    assert settings_with(text, monkeypatch) == unset
