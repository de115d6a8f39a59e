"""One run: reads, checks, previews or sends, and shows what became of each row."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from operations.api import FEEDS, LISTINGS, PRODUCT_TYPES
from operations.command import FAILED, CommandError, counted
from operations.connections import read_connections
from operations.publish_listings import outcomes
from operations.publish_listings.api import StackApi, Target
from operations.publish_listings.catalogue import Catalogue, read_catalogue
from operations.publish_listings.columns import Headings
from operations.publish_listings.files import File, read_file
from operations.publish_listings.journal import Journal, journal_of
from operations.publish_listings.messages import Choices
from operations.publish_listings.outcomes import NOT_SENT, READY, UNCHANGED, Outcome
from operations.publish_listings.previews import preview
from operations.publish_listings.progress import Progress
from operations.publish_listings.sending import Sending
from operations.publish_listings.workbooks import write_result
from operations.stack import Stack
from quickstart.token_vault import ANY_REGION
from sp_api.regions import MARKETPLACES

_SHOWN = 5


@dataclass(frozen=True)
class Options:
    """What the operator asked for. `everything` sends unchanged rows too."""

    file: Path
    headings: Headings
    choices: Choices
    sheet: str = ""
    encoding: str = ""
    check: bool = False
    preview: bool = False
    skip_bad: bool = False
    everything: bool = False


def find_target(stack: Stack, seller_id: str, marketplace: str, region: str, vendor_code: str) -> Target:
    """The seller and the marketplace. `marketplace` is an id or a country. Raises CommandError."""
    by_country = {found.country_code: found for found in MARKETPLACES.values()} | {"UK": MARKETPLACES["A1F83G8C2ARO7P"]}
    if not marketplace:
        raise CommandError("Name the marketplace: MARKETPLACE=FR, or its id such as MARKETPLACE=A13V1IB3VIYZZH")
    known = MARKETPLACES.get(marketplace) or by_country.get(marketplace.upper())
    if known is None and (len(marketplace) < 10 or not region):
        countries = ", ".join(sorted(by_country))
        raise CommandError(
            f"MARKETPLACE={marketplace} is not in Amazon's list. Use one of {countries}; or an id, with "
            'its region: ARGS="--region-code EU"'
        )
    marketplace_id = marketplace if known is None else known.marketplace_id
    code = region or ("" if known is None else str(known.region))
    return Target(seller_id or _only_seller(stack, code), code, marketplace_id, vendor_code)


def _only_seller(stack: Stack, region: str) -> str:
    """The one selling partner of the region whose token the stack has. Raises CommandError."""
    connections, _ = read_connections(stack)
    # A token that was stored without a region is for every region.
    usable = (region, ANY_REGION)
    found = sorted({connection.seller_id for connection in connections if connection.region_code in usable})
    if len(found) == 1:
        return found[0]
    if not found:
        raise CommandError(f"the stack has no seller of the region {region}: store a token with POST /tokens first")
    names = ", ".join(found[:_SHOWN]) + (" and more" if len(found) > _SHOWN else "")
    raise CommandError(f"Name the seller: SELLER=<id>. The stack has {counted(len(found), 'seller')}: {names}")


@dataclass
class Run:
    """One run of the command. `show` prints a line."""

    stack: Stack
    target: Target
    options: Options
    progress: Progress
    show: Callable[[str], None] = print

    def run(self) -> int:
        """The exit code: 0 if Amazon has taken every row. Raises CommandError."""
        options, api = self.options, StackApi(self.stack)
        api.needs(PRODUCT_TYPES, *([] if options.check else [LISTINGS] if options.preview else [FEEDS]))
        file = read_file(
            options.file,
            options.headings,
            sheet=options.sheet,
            encoding=options.encoding,
            seller_id=self.target.vendor_code or self.target.seller_id,
        )
        for note in file.sheet.notes:
            self.show(note)
        catalogue = read_catalogue(file, options.headings, options.choices, api, self.target, self.progress)
        for text in catalogue.unchecked[:_SHOWN]:
            self.show(f"Not checked: {text}")
        journal = journal_of(
            options.file.resolve().parent,
            self.stack.name,
            self.stack.session.region_name,
            self.target,
            self.stack.outputs.get(FEEDS, self.stack.outputs[PRODUCT_TYPES]),
        )
        if options.check:
            return self._end(file, catalogue, self._unsent(catalogue), [], "Nothing was sent, because of CHECK=1.")
        sending = Sending(api, self.target, journal, self.progress, options.skip_bad)
        with journal.locked():
            return (
                self._preview(file, catalogue, sending) if options.preview else self._publish(file, catalogue, sending)
            )

    def _preview(self, file: File, catalogue: Catalogue, sending: Sending) -> int:
        changed, same = sending.changed(catalogue.messages, everything=self.options.everything)
        found = preview(sending.api, self.target, changed, self.progress) if not catalogue.of_file else []
        done = {outcome.row for outcome in found}
        rest = [outcome for outcome in self._unsent(catalogue) if outcome.row not in done]
        unchanged = {outcome.row: outcome for outcome in same}
        rest = [unchanged.get(outcome.row, outcome) for outcome in rest]
        return self._end(file, catalogue, [*found, *rest], [], "Amazon has checked the rows. Nothing was published.")

    def _publish(self, file: File, catalogue: Catalogue, sending: Sending) -> int:
        by_sku = {message.sku: message for message in catalogue.messages}
        earlier = sending.continued(by_sku)
        if earlier is not None:
            self.show(f"The feed of the interrupted run has ended: {earlier.status}.")
        whole = list(earlier.whole) if earlier is not None else []
        if catalogue.of_file or (catalogue.errors and not self.options.skip_bad):
            closing = "Nothing was sent, because rows have errors. Correct them, or send the others with SKIP_BAD=1."
            if catalogue.of_file:
                closing = "Nothing was sent, because the headings have errors."
            return self._end(file, catalogue, self._unsent(catalogue, sending), whole, closing)
        changed, same = sending.changed(catalogue.messages, everything=self.options.everything)
        changed = [message for message in changed if earlier is None or not earlier.has_sent(message)]
        ended = list(sending.sent(changed)) if changed else []
        found = {outcome.row: outcome for outcome in self._unsent(catalogue)}
        found |= {outcome.row: outcome for outcome in same}
        if earlier is not None:
            found |= {
                message.row: earlier.outcomes[message.sku]
                for message in catalogue.messages
                if earlier.has_sent(message)
            }
        for each in ended:
            found |= {outcome.row: outcome for outcome in each.outcomes.values()}
            whole.extend(each.whole)
        self._others(sending.journal, catalogue)
        closing = ""
        if not ended and not earlier:
            closing = "Nothing has changed since the last run, so nothing was sent."
            if catalogue.errors and not same:
                closing = "Every row has an error, so nothing was sent."
        return self._end(file, catalogue, list(found.values()), whole, closing)

    def _unsent(self, catalogue: Catalogue, sending: Sending | None = None) -> list[Outcome]:
        """The outcome of each row before anything is sent."""
        bad = {problem.row for problem in catalogue.errors}
        found = outcomes.of_problems(
            (problem for problem in catalogue.problems if problem.row in bad and problem.row != catalogue.heading_row),
            catalogue.skus,
            NOT_SENT,
        )
        same: dict[int, Outcome] = {}
        if sending is not None:
            _, unchanged = sending.changed(catalogue.messages, everything=self.options.everything)
            same = {outcome.row: outcome for outcome in unchanged}
        warned = {
            outcome.row: outcome.problems
            for outcome in outcomes.of_problems(
                (problem for problem in catalogue.problems if problem.warning), catalogue.skus, READY
            )
        }
        ready = [
            same.get(message.row, Outcome(message.row, message.sku, READY, warned.get(message.row, ())))
            for message in catalogue.messages
        ]
        return [*found, *ready]

    def _others(self, journal: Journal, catalogue: Catalogue) -> None:
        others = set(journal.read().published) - set(catalogue.skus.values())
        if others:
            self.show(
                f"{counted(len(others), 'listing')} published from this folder before are not in the file, and stay at "
                "Amazon. To delete a listing, give its row the operation DELETE."
            )

    def _end(
        self, file: File, catalogue: Catalogue, found: Sequence[Outcome], whole: Sequence[str], closing: str
    ) -> int:
        """Shows the outcomes, writes the spreadsheet, and returns the exit code."""
        ordered = sorted(found, key=lambda outcome: outcome.row)
        of_file = [f"row {problem.row}: {problem.sentence}" for problem in catalogue.of_file]
        for text in (*whole, *of_file):
            self.show(text)
        self.show("")
        for line in (*outcomes.summary(ordered), *outcomes.table(ordered)):
            self.show(line)
        if closing:
            self.show(closing)
        failed = bool(whole or of_file or any(outcome.failed for outcome in ordered))
        if failed or any(outcome.status != UNCHANGED for outcome in ordered):
            path = outcomes.result_path(self.options.file)
            write_result(file.workbook, file.sheet, catalogue.heading_row, outcomes.cells(ordered), path)
            self.show(f"The outcome beside each row: {path}")
        return FAILED if failed else 0
