"""Prints the estimated costs of the stack on AWS: `make costs`. For options, use ARGS=--help."""

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
        print("--write needs the default assumptions and prices: omit the other options", file=sys.stderr)
        return 2
    try:
        counted = counts.load() if options.counts else _counted(options)
    except (CountingError, DeploymentFailedError, ServerError) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    printed = tables(counted, at_rest(TEMPLATES, counted), price_list, given)
    print(f"{price_list.region}, before the monthly free tier. For the assumptions, see docs/costs.md.\n\n{printed}")
    if options.write:
        counts.save(counted)
        DOCUMENT.write_text(with_tables(DOCUMENT.read_text(), printed))
        _say(f"\nwrote {counts.COUNTS.relative_to(CHECKOUT)} and {DOCUMENT.relative_to(CHECKOUT)}")
    return 0


def _counted(options: argparse.Namespace) -> Mapping[str, FlowCount]:
    return count_flows(options.emulator_python.absolute(), options.function_python.absolute(), _say)


def with_tables(document: str, printed: str) -> str:
    """The document with the tables between its two markers replaced."""
    before, _, rest = document.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{printed}\n\n{END}{after}"


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make costs", description="Print the estimated costs of the stack on AWS.")
    parser.add_argument("--emulator-python", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--function-python", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--counts", action="store_true", help="do not count; use the saved counts in costs/counts.json")
    parser.add_argument("--write", action="store_true", help="save the counts, and write the tables to docs/costs.md")
    parser.add_argument(
        "--prices", type=Path, default=prices.PRICES, metavar="FILE", help="another price list in the same format"
    )
    for field in dataclasses.fields(Assumptions):
        name = "--" + field.name.replace("_", "-")
        text = f"default {field.default:,.10g}"
        parser.add_argument(name, type=_not_negative, default=field.default, metavar="NUMBER", help=text)
    options = parser.parse_args()
    if options.copied_bytes_each_second == 0:
        parser.error("argument --copied-bytes-each-second: must be above 0")
    if options.cold_start_share > 1:
        parser.error("argument --cold-start-share: must be between 0 and 1")
    return options


def _not_negative(text: str) -> float:
    number = float(text)
    if not 0 <= number < math.inf:
        raise argparse.ArgumentTypeError(f"must be a number of at least 0, not {text}")
    return number


if __name__ == "__main__":
    sys.exit(main())
