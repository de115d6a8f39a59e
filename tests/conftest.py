"""What pytest shows at its end."""

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What newman did, above pytest's closing line; the reports are in newman/."""
    runs = [
        str(told)
        for outcome in ("passed", "failed")
        for report in terminalreporter.getreports(outcome)
        for name, told in report.user_properties
        if name == "newman" and report.when == "call"
    ]
    if runs:
        terminalreporter.section("newman")
        terminalreporter.write_line("\n".join(runs))
