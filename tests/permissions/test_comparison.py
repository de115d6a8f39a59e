"""The comparison of permissions with their use: one too many or one too few is a problem."""

import copy
import json
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.permissions import recording as recordings
from tests.permissions.comparison import Exemption, Permission, Recording, compare, in_templates, read_recording
from tests.permissions.exemptions import EXEMPTIONS
from tests.permissions.session import compare_session, current_templates
from tests.templates.reading import Template, listed, unconditional

ROLE = "SPAPIReportReaderRole"


@pytest.fixture(scope="module")
def templates() -> dict[str, Template]:
    return current_templates()


def all_used(templates: dict[str, Template]) -> Recording:
    """What a run records that uses every permission without an exemption."""
    granted = frozenset(Permission(role, action) for role, action in in_templates(templates))
    exempt = {each for each in granted for exemption in EXEMPTIONS if exemption.covers(each)}
    return Recording(granted, granted - exempt)


def changed(templates: dict[str, Template], *, add: str = "", remove: str = "") -> dict[str, Template]:
    """The templates with another permission of a role, or without one."""
    made = copy.deepcopy(templates)
    policies = made["reports"]["Resources"][ROLE]["Properties"]["Policies"]
    for policy in policies:
        for statement in unconditional(policy["PolicyDocument"]["Statement"]):
            statement["Action"] = [action for action in listed(statement["Action"]) if action != remove]
    if add:
        statement = {"Effect": "Allow", "Action": add, "Resource": "*"}
        policies.append({"PolicyName": "More", "PolicyDocument": {"Statement": [statement]}})
    return made


def test_policies_and_use_agree(templates: dict[str, Template]) -> None:
    comparison = compare(all_used(templates), in_templates(templates), ())
    exempted = {each for each in comparison.unused if not any(one.covers(each) for one in EXEMPTIONS)}
    assert exempted == set()
    assert comparison.missing == ()


def test_a_permission_that_is_added_is_unused(templates: dict[str, Template]) -> None:
    more = in_templates(changed(templates, add="dynamodb:DeleteTable"))
    comparison = compare(all_used(templates), more, EXEMPTIONS)
    assert comparison.unused == [Permission(ROLE, "dynamodb:DeleteTable")]
    assert f"{ROLE} may call dynamodb:DeleteTable on *, but no call used it" in comparison.problems()[0]


@pytest.mark.parametrize("complete", [True, False])
def test_a_permission_that_is_removed_is_missing(templates: dict[str, Template], complete: bool) -> None:
    fewer = in_templates(changed(templates, remove="dynamodb:GetItem"))
    refused = Recording(refused=frozenset({Permission(ROLE, "dynamodb:GetItem", "arn:aws:dynamodb:::table/t")}))
    comparison = compare(refused, fewer, (), complete)
    assert comparison.missing == (Permission(ROLE, "dynamodb:GetItem"),)
    assert f"{ROLE} called dynamodb:GetItem, and no policy of the role has this action" in comparison.problems()
    assert compare(refused, in_templates(templates), (), complete).missing == ()


def test_a_second_resource_that_nothing_uses_is_unused() -> None:
    one, other = (Permission("Role", "sqs:SendMessage", name) for name in ("${One}", "${Other}"))
    recording = Recording(frozenset({one, other}), frozenset({one}))
    assert compare(recording, {("Role", "sqs:SendMessage")}, ()).unused == [other]


def test_a_role_that_no_test_used_is_unused() -> None:
    comparison = compare(Recording(), {("Role", "sqs:SendMessage")}, ())
    assert comparison.unused == [Permission("Role", "sqs:SendMessage")]


def test_what_an_older_template_allowed_does_not_count() -> None:
    granted = frozenset({Permission("Role", "sqs:PurgeQueue"), Permission("OldRole", "sqs:SendMessage")})
    assert compare(Recording(granted), set(), ()).problems() == []


def test_an_exemption_covers_its_permissions_and_is_needed() -> None:
    unused, used = Permission("SomeRole", "logs:PutLogEvents", "${Group}"), Permission("SomeRole", "sqs:SendMessage")
    recording = Recording(frozenset({unused, used}), frozenset({used}))
    allowed = {(each.role, each.action) for each in (unused, used)}
    exemption = Exemption(("logs:PutLogEvents",), "AWS writes", roles=("Some*",), resource="${G*")
    assert compare(recording, allowed, [exemption]).problems() == []
    assert compare(recording, allowed, [exemption]).rows == {unused: "AWS writes", used: "used"}
    for other in (
        Exemption(("sqs:PurgeQueue",), "no role may"),
        Exemption(("logs:PutLogEvents",), "another role", roles=("Other*",)),
        Exemption(("logs:PutLogEvents",), "another resource", resource="*Table*"),
    ):
        comparison = compare(recording, allowed, [exemption, other])
        assert comparison.needless == (other,)
        assert "is not needed: remove it" in comparison.problems()[0]
    # Some of the tests alone show nothing unused and nothing needless.
    assert compare(recording, allowed, [exemption, other], complete=False).problems() == []


def test_a_refusal_that_a_test_provokes_is_no_problem() -> None:
    recording = Recording(refused=frozenset({Permission("LinkRole", "s3:PutObject", "arn:aws:s3:::b/k")}))
    provoked = Exemption(("s3:PutObject",), "a test writes with a link", roles=("LinkRole",))
    other = Exemption(("s3:PutObject",), "no test does", roles=("OtherRole",))
    assert compare(recording, set(), (), provoked=[provoked]).problems() == []
    assert compare(recording, set(), (), provoked=[provoked, other]).needless == (other,)
    assert compare(recording, set(), (), provoked=[other]).missing == (Permission("LinkRole", "s3:PutObject"),)


def log_of(folder: Path, *permissions: tuple[str, Permission]) -> None:
    lines = [
        json.dumps({"what": what, "role": each.role, "action": each.action, "resource": each.resource})
        for what, each in permissions
    ]
    (folder / "one.jsonl").write_text("\n".join(lines))


def reports(**outcomes: str) -> Mapping[str, list[Any]]:
    return {name: [SimpleNamespace(nodeid=node) for node in nodes.split()] for name, nodes in outcomes.items()}


class TestSession:
    @pytest.fixture(autouse=True)
    def kept(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
        monkeypatch.setattr(recordings, "KEPT", tmp_path / "kept" / "permissions.jsonl")
        return tmp_path / "kept" / "permissions.jsonl"

    def test_a_refusal_fails_the_session(self, tmp_path: Path, kept: Path) -> None:
        log_of(tmp_path, ("refused", Permission(ROLE, "s3:PutObject", "arn:aws:s3:::b/k")))
        lines, failed = compare_session(tmp_path, reports(passed="tests/end_to_end/test_report_flow.py::test_x"))
        assert failed
        assert lines == [f"{ROLE} called s3:PutObject, and no policy of the role has this action"]
        assert not kept.exists()

    def test_a_part_of_the_tests_says_so(self, tmp_path: Path, kept: Path) -> None:
        log_of(tmp_path, ("granted", Permission(ROLE, "s3:PutObject", "*")))
        lines, failed = compare_session(tmp_path, reports(passed="tests/end_to_end/test_report_flow.py::test_x"))
        assert not failed
        assert "No permission was missing." in lines[0]
        assert not kept.exists()

    def test_all_tests_show_what_is_unused_and_are_kept(self, tmp_path: Path) -> None:
        role, action = ROLE, "dynamodb:GetItem"
        log_of(tmp_path, ("granted", Permission(role, action, "${ReportsTable}")))
        files = " ".join(f"{name}::test_x" for name in recordings.end_to_end_files())
        lines, failed = compare_session(tmp_path, reports(passed=files))
        assert failed
        assert any(f"{role} may call {action} on ${{ReportsTable}}, but no call used it" in line for line in lines)
        assert recordings.kept() == recordings.recorded(tmp_path)

    @pytest.mark.parametrize("proof", [True, False])
    def test_the_long_proofs_may_be_left_out_and_no_other_test(self, tmp_path: Path, kept: Path, proof: bool) -> None:
        log_of(tmp_path, ("used", Permission(ROLE, "dynamodb:GetItem")))
        left_out = SimpleNamespace(
            nodeid="tests/end_to_end/test_update.py::test_x", get_closest_marker=lambda name: name == "proof" and proof
        )
        files = " ".join(f"{name}::test_x" for name in recordings.end_to_end_files())
        compare_session(tmp_path, {**reports(passed=files), "deselected": [left_out]})
        assert kept.exists() == proof

    def test_a_file_with_long_proofs_alone_is_not_waited_for(self) -> None:
        assert "tests/end_to_end/test_guide.py" not in recordings.end_to_end_files()
        assert "tests/end_to_end/test_update.py" in recordings.end_to_end_files()

    def test_a_recording_of_other_sources_is_not_used(self, kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        recordings.keep(Recording(used=frozenset({Permission("Role", "sqs:SendMessage")})))
        assert recordings.kept() is not None
        monkeypatch.setattr(recordings, "_SOURCES", ("templates",))
        assert recordings.kept() is None
        kept.unlink()
        assert recordings.kept() is None


@pytest.mark.parametrize("outcome", ["failed", "error", "deselected"])
def test_a_run_is_complete_if_all_end_to_end_tests_passed(outcome: str) -> None:
    passed = {f"{name}::test_x" for name in recordings.end_to_end_files()}
    assert recordings.is_complete(passed, {"tests/unit/test_y.py::test_y"})
    assert not recordings.is_complete(passed, {f"tests/end_to_end/test_storm.py::{outcome}"})
    assert not recordings.is_complete(passed - {min(passed)}, set())


def test_an_emulator_logs_permissions_in_a_test_session_only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(recordings.FOLDER, str(tmp_path))
    option, path = recordings.emulator_arguments()
    assert (option, Path(path).parent) == ("--permission-log", tmp_path)
    assert path != recordings.emulator_arguments()[1]
    monkeypatch.delenv(recordings.FOLDER)
    assert recordings.emulator_arguments() == []


def test_the_lines_of_several_logs_are_joined() -> None:
    lines = [json.dumps({"what": what, "role": "R", "action": "a:b", "resource": "*"}) for what in ("granted", "used")]
    permission = Permission("R", "a:b")
    assert read_recording(lines * 2) == Recording(frozenset({permission}), frozenset({permission}))
