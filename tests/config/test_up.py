import os

import pytest

from config.management.commands.up import preset


@pytest.mark.parametrize(("found", "then"), [("", "true"), (" ", "true"), ("false", "false")])
def test_an_empty_variable_is_preset_as_one_that_is_not_set(found: str, then: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALLOW_SELF_APPROVAL", found)
    preset("ALLOW_SELF_APPROVAL", "true")
    assert os.environ["ALLOW_SELF_APPROVAL"] == then
