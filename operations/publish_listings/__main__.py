"""Publishes the products of a spreadsheet: `python -m operations.publish_listings STACK --file products.xlsx` (make
publish-listings).

Checks each row against Amazon's schema, sends the rows that have changed since the last run as one feed, and waits for
Amazon's outcome. A copy of the spreadsheet has the outcome and the problems beside each row. You can interrupt it and
run it again: it continues with the same feed.
"""

import argparse
import sys
from pathlib import Path

import boto3

from operations.command import run_command
from operations.publish_listings.columns import Headings
from operations.publish_listings.messages import REQUIREMENTS, Choices
from operations.publish_listings.progress import Progress
from operations.publish_listings.run import Options, Run, find_target
from operations.publish_listings.values import DateOrder, DecimalSign
from operations.stack import find_stack


def main() -> int:
    parser = argparse.ArgumentParser(prog="operations.publish_listings", description=__doc__.partition("\n\n")[2])
    parser.add_argument("stack", help="name of the root stack")
    parser.add_argument("--region", help="the stack's region, if not your default one")
    parser.add_argument("--file", required=True, help="the products: .xlsx, .csv or .jsonl")
    parser.add_argument("--marketplace", default="", help="the country or the id of the marketplace: FR")
    parser.add_argument("--seller", default="", help="the seller, if the stack has several")
    parser.add_argument("--vendor-code", default="", help="for a vendor: the vendor code")
    parser.add_argument("--region-code", default="", choices=("", "NA", "EU", "FE"), help="of another marketplace")
    parser.add_argument("--product-type", default="", help="for rows without one in a column product_type")
    parser.add_argument("--requirements", default=REQUIREMENTS[0], choices=REQUIREMENTS, help="for rows without one")
    parser.add_argument("--headings", default="", help='names for other headings: "Article number=sku; Notes="')
    parser.add_argument("--sheet", default="", help="the sheet of the workbook, if several have products")
    parser.add_argument("--encoding", default="", help="of a CSV file that is neither Unicode nor Windows-1252")
    parser.add_argument("--decimal", choices=tuple(DecimalSign), help="the decimal sign, where the file leaves it open")
    parser.add_argument("--dates", choices=tuple(DateOrder), help="the order in 3/4/2027, where it is open")
    parser.add_argument("--check", action="store_true", help="only check the rows, and send nothing")
    parser.add_argument("--preview", action="store_true", help="let Amazon check the rows, and publish nothing")
    parser.add_argument("--skip-bad", action="store_true", help="send the good rows although others have errors")
    parser.add_argument("--all", action="store_true", help="send unchanged rows too")
    given = parser.parse_args()
    if not given.file:
        parser.error("name the file: make publish-listings FILE=products.xlsx MARKETPLACE=FR")
    if given.check and given.preview:
        parser.error("choose one of CHECK=1 and PREVIEW=1")

    def run(session: boto3.Session) -> int:
        decimal_sign = DecimalSign(given.decimal) if given.decimal else None
        date_order = DateOrder(given.dates) if given.dates else None
        options = Options(
            Path(given.file),
            Headings.read(given.headings),
            Choices(given.product_type, given.requirements, decimal_sign, date_order),
            sheet=given.sheet,
            encoding=given.encoding,
            check=given.check,
            preview=given.preview,
            skip_bad=given.skip_bad,
            everything=given.all,
        )
        stack = find_stack(given.stack, session)
        target = find_target(stack, given.seller, given.marketplace, given.region_code, given.vendor_code)
        return Run(stack, target, options, Progress()).run()

    return run_command(run, given.stack, given.region)


if __name__ == "__main__":
    sys.exit(main())
