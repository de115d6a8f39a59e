"""Prints what the stack costs on AWS: `make costs`, with ARGS=--help for more."""

import argparse
import dataclasses
import math
import sys
from collections.abc import Mapping
from pathlib import Path

from costs import counts, prices
from costs.counting import CountingError, count_flows
from costs.counts import FlowCount
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
    given = Assumptions(**{field.name: getattr(options, field.name) for field in dataclasses.fields(Assumptions)})
    try:
        price_list = prices.load(options.prices)
    except prices.PriceListError as error:
        print(error, file=sys.stderr)
        return 2
    if options.write and (given != Assumptions() or options.prices != prices.PRICES):
        print("--write is for the page's own assumptions and prices: leave the others out", file=sys.stderr)
        return 2
    try:
        counted = counts.load() if options.counts else _counted(options)
    except (CountingError, DeploymentFailedError, ServerError) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    printed = tables(counted, at_rest(TEMPLATES, counted), price_list, given)
    print(f"{price_list.region}, before what is free each month; docs/costs.md says what is assumed.\n\n{printed}")
    if options.write:
        counts.save(counted)
        DOCUMENT.write_text(with_tables(DOCUMENT.read_text(), printed))
        _say(f"\nwrote {counts.COUNTS.relative_to(CHECKOUT)} and {DOCUMENT.relative_to(CHECKOUT)}")
    return 0


def _counted(options: argparse.Namespace) -> Mapping[str, FlowCount]:
    return count_flows(options.emulator_python.absolute(), options.function_python.absolute(), _say)


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
    parser.add_argument("--counts", action="store_true", help="count nothing: use what is kept in costs/counts.json")
    parser.add_argument("--write", action="store_true", help="keep the count, and write the tables into docs/costs.md")
    parser.add_argument(
        "--prices", type=Path, default=prices.PRICES, metavar="FILE", help="another price list of that form"
    )
    for field in dataclasses.fields(Assumptions):
        name = "--" + field.name.replace("_", "-")
        told = f"default {field.default:,.10g}"
        parser.add_argument(name, type=_not_negative, default=field.default, metavar="NUMBER", help=told)
    options = parser.parse_args()
    if options.copied_bytes_each_second == 0:
        parser.error("argument --copied-bytes-each-second: must be above 0")
    if options.cold_start_share > 1:
        parser.error("argument --cold-start-share: must be from 0 to 1")
    return options


def _not_negative(text: str) -> float:
    number = float(text)
    if not 0 <= number < math.inf:
        raise argparse.ArgumentTypeError(f"must be a number from 0, not {text}")
    return number


if __name__ == "__main__":
    sys.exit(main())
