"""Reads a whole file: its product types, its messages, and everything that is wrong with them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from operations.api import RefusedError
from operations.command import CommandError, counted
from operations.publish_listings.api import StackApi, Target
from operations.publish_listings.checks import check_messages
from operations.publish_listings.columns import Headings, Role, column_texts, find_table, match_columns
from operations.publish_listings.definitions import Definition, Definitions
from operations.publish_listings.files import File
from operations.publish_listings.messages import (
    REQUIREMENTS,
    Choices,
    Message,
    Read,
    read_contents,
    read_rows,
    type_name,
)
from operations.publish_listings.progress import Progress
from operations.publish_listings.sheets import Problem
from quickstart.product_types.requests import PRODUCT_TYPE
from quickstart.product_types.wording import shown_text

_PRODUCT, _OFFER_ONLY = "PRODUCT", "LISTING_OFFER_ONLY"


@dataclass(frozen=True)
class Catalogue:
    """What a file has.

    `messages` are those of the rows without an error. `skus` are by row, where a row has one. `heading_row` is the
    number of the row with the headings; a problem of that row is one of the whole file.
    """

    messages: tuple[Message, ...]
    problems: tuple[Problem, ...]
    skus: Mapping[int, str]
    heading_row: int
    unchecked: tuple[str, ...] = ()

    @property
    def of_file(self) -> tuple[Problem, ...]:
        """The problems because of which nothing can be sent."""
        return tuple(problem for problem in self.problems if problem.row == self.heading_row and not problem.warning)

    @property
    def errors(self) -> tuple[Problem, ...]:
        return tuple(problem for problem in self.problems if not problem.warning)


def read_catalogue(
    file: File, headings: Headings, choices: Choices, api: StackApi, target: Target, progress: Progress
) -> Catalogue:
    """Raises FileProblemError for a file without products, and CommandError if the stack cannot be asked."""
    if file.contents is not None:
        read = read_contents(file.contents)
        read = replace(read, problems=file.problems)
        keys = {message.definition_key for message in read.messages if message.attributes}
        return _checked(read, load_definitions(api, target, keys, progress), target, 0, progress)
    table = find_table(file.sheet, headings)
    types = column_texts(table, headings, Role.PRODUCT_TYPE)
    requirements = column_texts(table, headings, Role.REQUIREMENTS)
    keys = {
        (type_name(types.get(row.number, choices.product_type)), requirements.get(row.number, choices.requirements))
        for row in table.rows
    }
    definitions = load_definitions(api, target, keys, progress)
    columns, wrong = match_columns(table, headings, definitions.found)
    if not definitions.found:
        # Without a product type, no heading is known; that there is none is said for each row.
        wrong = ()
    read = read_rows(table, columns, definitions, choices)
    if wrong:
        read = replace(read, problems=(*wrong, *read.problems))
    return _checked(read, definitions, target, table.heading_row, progress)


def _checked(read: Read, definitions: Definitions, target: Target, heading_row: int, progress: Progress) -> Catalogue:
    wrong = {problem.row for problem in read.problems}
    total = len(read.messages)
    done = 0
    with progress.bar(f"Checking {counted(total, 'row')} against Amazon's schema", total) as show:

        def advance() -> None:
            nonlocal done
            done += 1
            show(done)

        checked = check_messages(read.messages, definitions, target.marketplace_id, advance, wrong)
    problems = sorted((*read.problems, *checked.problems), key=lambda problem: problem.row)
    return Catalogue(checked.messages, tuple(problems), read.skus, heading_row, checked.unchecked)


def load_definitions(api: StackApi, target: Target, keys: Iterable[tuple[str, str]], progress: Progress) -> Definitions:
    """The product types of a file. What the stack has not stored yet, it pulls from Amazon. Raises CommandError."""
    found: dict[tuple[str, str], Definition] = {}
    refused: dict[tuple[str, str], str] = {}
    missing: dict[str, list[str]] = {}
    for product_type, requirements in sorted(set(keys)):
        if not product_type or requirements not in REQUIREMENTS:
            continue
        key = (product_type, requirements)
        if not PRODUCT_TYPE.fullmatch(product_type):
            refused[key] = f"{shown_text(product_type)} is no product type"
        elif (stored := api.definition(target, *key)) is None:
            missing.setdefault(requirements, []).append(product_type)
        else:
            found[key] = stored
    for requirements, names in missing.items():
        failed = _pulled(api, target, names, requirements, progress)
        for name in names:
            stored = None if name in failed else api.definition(target, name, requirements)
            if stored is None:
                refused[(name, requirements)] = failed.get(name) or f"Amazon has no product type {name}"
            else:
                found[(name, requirements)] = stored
    for key, stored in list(found.items()):
        if stored.product_type != key[0] and key[1] != _OFFER_ONLY:
            del found[key]
            refused[key] = (
                f"this marketplace does not support the product type {key[0]}; Amazon answered with the one of "
                f"{stored.product_type}"
            )
    return Definitions(found, refused)


def _pulled(
    api: StackApi, target: Target, names: list[str], requirements: str, progress: Progress
) -> Mapping[str, str]:
    """Pulls product types; returns the reason for each one that Amazon does not give."""
    state: Mapping[str, object] = {}
    try:
        with progress.waiting() as show:
            for pulled in api.pull(target, names, requirements):
                state = pulled
                show(f"The stack fetches {counted(len(names), 'product type')} from Amazon")
    except RefusedError as error:
        raise CommandError(f"the product types could not be fetched: {error}") from None
    issues = state.get("issues")
    return {
        str(issue["productType"]): f"Amazon gives no schema of {issue['productType']}: {issue.get('message', '')}"
        for issue in (issues if isinstance(issues, list) else [])
        if issue.get("productType") and issue.get("kind", issue.get("issue")) != "SUBSTITUTED"
    }
