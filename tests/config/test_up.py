import os

import pytest
from django.core.exceptions import ImproperlyConfigured

from config.management.commands.up import Command, preset


@pytest.mark.parametrize(("found", "then"), [("", "true"), (" ", "true"), ("false", "false")])
def test_an_empty_variable_is_preset_as_one_that_is_not_set(found: str, then: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALLOW_SELF_APPROVAL", found)
    preset("ALLOW_SELF_APPROVAL", "true")
    assert os.environ["ALLOW_SELF_APPROVAL"] == then


@pytest.mark.parametrize("found", ["", " "])
def test_an_empty_port_is_as_one_that_is_not_set(found: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PORT", "DEMO_PORT"):
        monkeypatch.setenv(name, found)
    options = vars(Command().create_parser("manage.py", "up").parse_args([]))
    assert (options["port"], options["demo_port"]) == (8000, 8090)


@pytest.mark.parametrize("name", ["PORT", "DEMO_PORT"])
def test_a_port_that_cannot_be_read_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "abc")
    with pytest.raises(ImproperlyConfigured, match=f"^{name} is 'abc'"):
        Command().create_parser("manage.py", "up")
