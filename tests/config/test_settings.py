import re
from pathlib import Path

from django.conf import settings

ROOT = Path(settings.BASE_DIR)


def test_every_variable_that_the_settings_read_is_documented() -> None:
    code = (ROOT / "config" / "settings.py").read_text(encoding="utf-8")
    read = set(re.findall(r'(?:env_bool|env_int|env_list|environ\.get)\("([A-Z_]+)"', code))
    told = set(re.findall(r"`([A-Z_]+)`", (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")))
    assert "DATABASE_URL" in read
    assert read - told == set()
