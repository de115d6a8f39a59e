"""Mutants of the samples that change nothing that anybody can observe, each with its reason.

They are neither killed nor survivors. One that no longer exists fails `tests/mutants/test_mutants.py`.
"""

from dataclasses import dataclass

from tests.mutants.mutations import Mutant


@dataclass(frozen=True)
class Equivalent:
    """`seed` is the sample in which it was found; the others are the mutant's fields."""

    seed: int
    path: str
    function: str
    kind: str
    before: str
    after: str
    reason: str
    occurrence: int = 0

    def is_for(self, mutant: Mutant) -> bool:
        return (self.path, self.function, self.kind, self.before, self.after, self.occurrence) == (
            mutant.path,
            mutant.function,
            mutant.kind,
            mutant.before,
            mutant.after,
            mutant.occurrence,
        )


_PACKAGES = "layers/sp_api/python/quickstart"
EQUIVALENTS: tuple[Equivalent, ...] = (
    Equivalent(
        1,
        f"{_PACKAGES}/listings/feed_results.py",
        "ReportedMessages.__init__",
        "statements swapped",
        "self._database.execute('PRAGMA journal_mode=OFF')",
        "self._database.execute('CREATE TABLE issues (message_id INTEGER, sku TEXT, is_error INTEGER, issue TEXT)')",
        "The file is new and nobody else reads it, so it makes no difference whether its first table has a journal.",
    ),
    Equivalent(
        2,
        f"{_PACKAGES}/notifications/consents.py",
        "subscribe_after_consent",
        "statements swapped",
        "logger().warning('not subscribed', reason=str(error), extra=logged)",
        "failures.append(error)",
        "One statement writes a log line and the other appends to a list, and nothing happens between them.",
    ),
    Equivalent(
        2,
        f"{_PACKAGES}/listings/feed_results.py",
        "",
        "constant",
        "1000",
        "999",
        "It is how many rows go to the database with one call, and no reader sees a part of them.",
        occurrence=1,
    ),
    Equivalent(
        3,
        f"{_PACKAGES}/solicitations/steps.py",
        "next_step",
        "constant",
        "10",
        "9",
        "The wait is a day at most, which it reaches when it has doubled eight times.",
    ),
    Equivalent(
        4,
        f"{_PACKAGES}/listings/ledger.py",
        "ListingLedger._wait",
        "arguments swapped",
        "random.uniform(0, min(_LONGEST_PAUSE_SECONDS, 0.02 * 2 ** attempt))",
        "random.uniform(min(_LONGEST_PAUSE_SECONDS, 0.02 * 2 ** attempt), 0)",
        "A random number between two others is the same in either order.",
    ),
    Equivalent(
        10,
        f"{_PACKAGES}/listings/records.py",
        "Payload.packed",
        "constant",
        "0",
        "1",
        "The time in the header of gzip is read by nobody; it is fixed so that equal payloads have equal bytes.",
    ),
    Equivalent(
        10,
        f"{_PACKAGES}/product_types/enumerations.py",
        "enumeration",
        "statements swapped",
        "codes.append(code)",
        "labels.append(name)",
        "They append to different lists.",
    ),
    Equivalent(
        12,
        f"{_PACKAGES}/listings/feed_results.py",
        "ReportedMessages.__init__",
        "statements swapped",
        "self._database.execute('CREATE TABLE issues (message_id INTEGER, sku TEXT, is_error INTEGER, issue TEXT)')",
        "self._database.execute('CREATE TABLE items (sku TEXT PRIMARY KEY, item TEXT)')",
        "The order in which two empty tables are made changes nothing.",
    ),
    Equivalent(
        15,
        f"{_PACKAGES}/listings/feed_results.py",
        "ReportedMessages.read",
        "text",
        "'CREATE INDEX by_message ON issues (message_id)'",
        "''",
        "Without the index, the same issues are found more slowly.",
    ),
    Equivalent(
        15,
        f"{_PACKAGES}/listings/feed_checks.py",
        "_Bodies.__iter__",
        "statements swapped",
        "self._found.whole_file.append(item)",
        "self._problems.write(line_of(_entry([item])))",
        "One statement appends to a list and the other writes to a temporary file, and both are read at the end.",
    ),
)
