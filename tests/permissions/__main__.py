"""`make permissions`: what each role may do, beside what the end-to-end tests used of it.

Uses the recording of the last complete `make test`. Without one of the current templates and functions, it runs the
end-to-end tests first. Exits with 1 if a permission is unused or missing.
"""

import argparse
import subprocess
import sys

from tests.permissions.comparison import compare, in_templates
from tests.permissions.exemptions import EXEMPTIONS, PROVOKED
from tests.permissions.recording import END_TO_END, kept
from tests.permissions.session import current_templates


def main() -> int:
    parser = argparse.ArgumentParser(prog="make permissions")
    parser.add_argument("--role", default="", metavar="TEXT", help="only roles whose name contains this text")
    parser.add_argument("--workers", default="auto", help="processes of the end-to-end tests (default %(default)s)")
    arguments = parser.parse_args()
    if (recording := kept()) is None:
        print("There is no recording of the current templates and functions. Running tests/end_to_end ...", flush=True)
        parallel = ["--numprocesses", arguments.workers, "--maxprocesses", "4", "--dist", "loadfile"]
        subprocess.run([sys.executable, "-m", "pytest", END_TO_END, "-q", *parallel], check=False)
        recording = kept()
    if recording is None:
        print("The end-to-end tests did not all pass, so there is no complete recording.")
        return 1
    comparison = compare(recording, in_templates(current_templates()), EXEMPTIONS, provoked=PROVOKED)
    role = ""
    for permission, found in comparison.rows.items():
        if arguments.role in permission.role:
            if permission.role != role:
                role = permission.role
                print(f"\n{role}")
            print(f"  {permission.action:<36} {permission.resource:<84} {found}")
    problems = comparison.problems()
    print("", *problems, f"{len(comparison.rows)} permissions, {len(problems)} problems", sep="\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
