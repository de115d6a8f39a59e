"""What messages say about the stack that sends them."""

import pytest

from quickstart.own_stack import OwnStack, own_stack


def test_a_command_names_the_stack_and_its_region() -> None:
    stack = OwnStack("quick-start", "eu-west-1")
    assert stack.command("doctor") == "make doctor STACK=quick-start REGION=eu-west-1"
    assert stack.command("redrive", "QUEUE=q") == "make redrive STACK=quick-start REGION=eu-west-1 QUEUE=q"


def test_a_function_knows_its_stack_from_its_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STACK_NAME", "quick-start")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    assert own_stack() == OwnStack("quick-start", "eu-west-1")
