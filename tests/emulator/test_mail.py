"""How `make mail` prints the e-mails of the local stack."""

from datetime import UTC, datetime
from pathlib import Path

import mail
import pytest
from mail import text_of

from smtp_mailbox import Mail

RECEIVED = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


def test_an_e_mail_is_printed_whole() -> None:
    body = "Your report is ready.\n\nhttps://bucket.example/report?X-Amz-Signature=" + "a" * 200 + "\n"
    assert text_of(Mail("you@example.com", "Report 7 is ready", body, RECEIVED)).split("\n") == [
        "Date: 2026-03-04 05:06:07 UTC",
        "To: you@example.com",
        "Subject: Report 7 is ready",
        "",
        *body.rstrip().split("\n"),
    ]


def test_an_alarm_is_indented() -> None:
    shown = text_of(Mail("you@example.com", "ALARM", '{"AlarmName": "Reports", "NewStateValue": "ALARM"}', RECEIVED))
    assert shown.endswith('\n{\n  "AlarmName": "Reports",\n  "NewStateValue": "ALARM"\n}')


def test_a_text_cannot_control_the_terminal() -> None:
    shown = text_of(Mail("you@example.com", "x\x1b[2J", "a\x1b]0;title\x07b\r\nc", RECEIVED))
    assert shown.endswith("Subject: x[2J\n\na]0;titleb\nc")


def test_without_a_stack_there_are_only_the_e_mails_of_the_last_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(mail, "RUN_DIRECTORY", tmp_path)
    assert mail.main() == 2
    assert capsys.readouterr().err == "No local stack is running. Start one with `make up`\n"
    (tmp_path / "mail").mkdir()
    (tmp_path / "mail" / "1772600767000000000.eml").write_text("X-Envelope-To: a@b.c\nSubject: Report 7\n\nA link\n")
    assert mail.main() == 0
    printed = capsys.readouterr()
    assert "Subject: Report 7\n\nA link\n" in printed.out
    assert printed.err == "The local stack is stopped. Links in these e-mails no longer work.\n"
