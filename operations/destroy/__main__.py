"""Deletes a stack and everything that it leaves elsewhere: `python -m operations.destroy STACK` (make destroy).

Lists what is deleted and what is kept, then asks for confirmation. You can interrupt it and run it again: it continues
where it stopped, even if somebody has deleted the stack in the console meanwhile.
"""

import argparse
import sys
from datetime import UTC, datetime

import boto3

from operations.command import FAILED, CommandError, run_command
from operations.destroy import words
from operations.destroy.deletion import destroy
from operations.destroy.survey import rules_on_bus, survey
from operations.destroy.target import find_target


def unconfirmed(name: str) -> str:
    """Asks the operator to type the stack's name. Empty if they do, otherwise the reason to stop."""
    try:
        typed = input("\nType the stack's name to confirm: ").strip()
    except EOFError:
        return "\nThere is no terminal to confirm at: add ARGS=--yes to skip the confirmation."
    except KeyboardInterrupt:
        return "\nInterrupted."
    return "" if typed == name else f"That is not {name}."


def run(session: boto3.Session, options: argparse.Namespace) -> int:
    """The exit code. Raises CommandError, StackUnknownError, and what boto3 raises."""
    target = find_target(options.stack, session)
    if blocked := words.blocked_by_state(target) or words.blocked_by_rules(target, rules_on_bus(target)):
        raise CommandError("\n".join(blocked))
    plan = survey(target, with_schedules=not options.keep_schedules, show=_show)
    for line in words.summary(target, plan, keep_data=options.keep_data):
        print(line)
    found = plan.remains
    data_is_deleted = not options.keep_data and bool(found.buckets or found.tables)
    if not target.stack_id and not target.stranded and not plan.subscriptions and not data_is_deleted:
        print("\nThere is nothing left to delete.")
        print("\n".join(words.closing(target, plan, keep_data=options.keep_data)))
        return 0
    if not options.yes and (reason := unconfirmed(options.stack)):
        print(f"{reason} Nothing was changed.", file=sys.stderr)
        return FAILED
    print(f"\n{datetime.now(UTC):%Y-%m-%d %H:%M} UTC")
    not_deleted = destroy(target, plan, keep_data=options.keep_data, show=_show)
    print("\n".join(words.closing(target, plan, keep_data=options.keep_data)))
    if not_deleted:
        print("\nNot deleted:", *(f"  {text}" for text in not_deleted), sep="\n")
        print("Run the same command to retry. For other ways, see docs/clean-up.md.")
        return FAILED
    return 0


def _show(line: str) -> None:
    print(line, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="operations.destroy", description=__doc__.partition("\n")[0])
    parser.add_argument("stack", help="name of the root stack")
    parser.add_argument("--region", help="the stack's region (default: the region of your AWS configuration)")
    parser.add_argument("--keep-data", action="store_true", help="keep the buckets and the tables")
    parser.add_argument(
        "--keep-schedules",
        action="store_true",
        help="keep the report schedules at SP-API, if another stack of the same application receives their reports",
    )
    parser.add_argument("--yes", action="store_true", help="do not ask for confirmation")
    options = parser.parse_args()
    return run_command(lambda session: run(session, options), options.stack, options.region)


if __name__ == "__main__":
    sys.exit(main())
