"""Prints what the stack costs on AWS: `make costs`, with ARGS=--help for more."""

import argparse
import dataclasses
import sys
from pathlib import Path

from costs import counts, prices
from costs.counting import CountingError, count_flows
from costs.table import tables
from costs.usage import Assumptions, at_rest
from deployment import DeploymentFailedError
from servers import ServerError

CHECKOUT = Path(__file__).resolve().parent.parent
TEMPLATES = CHECKOUT / "templates"
DOCUMENT = CHECKOUT / "docs" / "costs.md"
BEGIN, END = "<!-- make costs -->\n", "<!-- end of make costs -->"


def main() -> int:
    options = _options()
    if not options.counts:
        try:
            counts.save(count_flows(options.emulator_python.absolute(), options.function_python.absolute(), _say))
        except (CountingError, DeploymentFailedError, ServerError) as error:
            print(f"\n{error}", file=sys.stderr)
            return 1
        _say(f"Counted into {counts.COUNTS.relative_to(CHECKOUT)}\n")
    given = {field.name: getattr(options, field.name) for field in dataclasses.fields(Assumptions)}
    price_list = prices.load(options.prices)
    counted = counts.load()
    printed = tables(counted, at_rest(TEMPLATES, counted), price_list, Assumptions(**given))
    print(f"{price_list.region}, before what is free each month; docs/costs.md says what is assumed.\n\n{printed}")
    if options.write:
        DOCUMENT.write_text(with_tables(DOCUMENT.read_text(), printed))
        _say(f"\nwrote {DOCUMENT.relative_to(CHECKOUT)}")
    return 0


def with_tables(document: str, printed: str) -> str:
    """The document with these tables in place of those between its two marks."""
    before, _, rest = document.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{printed}\n\n{END}{after}"


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make costs", description="What the stack costs on AWS.")
    parser.add_argument("--emulator-python", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--function-python", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--counts", action="store_true", help="use what was counted last (costs/counts.json)")
    parser.add_argument("--write", action="store_true", help="write the tables into docs/costs.md")
    parser.add_argument(
        "--prices", type=Path, default=prices.PRICES, metavar="FILE", help="another price list of that form"
    )
    for field in dataclasses.fields(Assumptions):
        name = "--" + field.name.replace("_", "-")
        parser.add_argument(
            name, type=float, default=field.default, metavar="NUMBER", help=f"default {field.default:g}"
        )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
