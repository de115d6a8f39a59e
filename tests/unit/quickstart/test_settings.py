"""Environment variables of a function: what the template forgot to set is named."""

import pytest

from quickstart.settings import SettingMissingError, optional, required, whole_number


@pytest.mark.parametrize("value", [None, ""])
def test_a_variable_that_is_not_set_is_named(monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    if value is None:
        monkeypatch.delenv("EVENT_BUS_NAME", raising=False)
    else:
        monkeypatch.setenv("EVENT_BUS_NAME", value)
    assert optional("EVENT_BUS_NAME") == ""
    for read in (required, whole_number):
        with pytest.raises(SettingMissingError) as missing:
            read("EVENT_BUS_NAME")
        assert str(missing.value) == (
            "the environment variable EVENT_BUS_NAME is not set on this function; its template must set it"
        )


def test_a_variable_that_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYS", "90")
    assert (optional("DAYS"), required("DAYS"), whole_number("DAYS")) == ("90", "90", 90)
