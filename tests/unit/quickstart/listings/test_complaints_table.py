"""25 public complaints about listings, each with the tests that show what the stack says or does about it.

The issues are those of amzn/selling-partner-api-models, or of the repository that is named.
"""

import ast
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[3]
LISTINGS, SCHEMAS = "end_to_end/test_listing_complaints.py", "unit/quickstart/product_types/test_complaints.py"
PULLS, FEEDS = "end_to_end/test_product_types.py", "simulator/test_feeds.py"

COMPLAINTS: dict[int, tuple[str, tuple[tuple[str, str], ...]]] = {
    1: ("4968: values refused that the schema allows", ((SCHEMAS, "test_models_4968_a_value_outside_"),)),
    2: ("5238: labels refused", ((SCHEMAS, "test_models_5238_a_label_in_place_of_the_code"),)),
    3: ("5001: stricter than the former feeds", ((LISTINGS, "test_5001_"),)),
    4: (
        "4621: a preview complains about an attribute that the schema no longer has",
        ((LISTINGS, "test_4621_"), (SCHEMAS, "test_models_4621_")),
    ),
    5: ("4799: an attribute is not in the schema", ((SCHEMAS, "test_models_4799_"),)),
    6: ("3001, jlevers 675: purchasable_offer is ignored", ((SCHEMAS, "test_jlevers_675_and_models_3001_"),)),
    7: ("3958: list_price in the United Kingdom", ((SCHEMAS, "test_models_3958_"),)),
    8: ("4175: the audience B2B", ((SCHEMAS, "test_models_4175_"),)),
    9: ("5022: a business price as an attribute", ((SCHEMAS, "test_models_5022_"),)),
    10: ("4898, 4134: a price cannot be removed", ((LISTINGS, "test_4898_"),)),
    11: ("4941, 4116: an image stays", ((LISTINGS, "test_4941_"),)),
    12: ("4265, docs 1714: two fulfilment channels", ((LISTINGS, "test_1714_"),)),
    13: (
        "5370, docs 3554: a deletion without effect",
        (
            (LISTINGS, "test_5370_"),
            ("end_to_end/test_listing_attacks.py", "test_a_deletion_is_not_repeated_over_a_later_submission"),
            ("end_to_end/test_listing_attacks.py", "test_a_repeated_deletion_that_is_refused_ends_in_words"),
        ),
    ),
    # About feeds, not single listings: what Amazon does is played by the simulator.
    14: ("5151: feeds wait for hours", ((FEEDS, "test_feeds_of_an_account_run_one_after_the_other"),)),
    15: ("docs 2362, jlevers 225: two marketplaces in one request", ((LISTINGS, "test_2362_"),)),
    16: (
        "docs 3157, 2134: a subscription is refused although the role is there",
        (
            (LISTINGS, "test_3157_"),
            ("end_to_end/test_subscriptions.py", "test_a_type_that_cannot_be_subscribed_to_here"),
        ),
    ),
    17: (
        "4801: a report of a feed lacks what a gate refuses",
        (
            (FEEDS, "test_a_report_with_listings"),
            ("unit/quickstart/listings/test_feed_documents.py", "test_the_header_of_a_document"),
        ),
    ),
    18: ("4026: an empty list of codes", ((SCHEMAS, "test_models_4026_"), (PULLS, "test_a_distributor_pulls_"))),
    19: (
        "4172: the version changes every day",
        (
            ("unit/quickstart/product_types/test_store.py", "test_a_content_that_is_stored_is_not_downloaded"),
            (PULLS, "test_a_refresh_stores_only_what_changed_and_says_what"),
        ),
    ),
    20: ("5219: HTTP 200 is taken as success", ((LISTINGS, "test_5219_"),)),
    21: ("5311, 2711: an exemption is ignored", ((LISTINGS, "test_5311_"),)),
    22: ("4956: restricted although approved", ((LISTINGS, "test_4956_"),)),
    23: (
        "1646, 1460, 834: a marketplace lists hardly any product types",
        (
            (PULLS, "test_models_1646_a_marketplace_with_a_short_list"),
            (PULLS, "test_what_amazon_substitutes_and_refuses_is_reported"),
        ),
    ),
    24: ("5021: a new listing never appears", ((LISTINGS, "test_5021_"),)),
    25: ("4406: a change of the quantity wiped the lead time", ((LISTINGS, "test_4406_"),)),
}


@cache
def names_in(path: str) -> tuple[str, ...]:
    tree = ast.parse((TESTS / path).read_text())
    return tuple(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def test_all_are_there() -> None:
    assert list(COMPLAINTS) == list(range(1, 26))


@pytest.mark.parametrize("number", COMPLAINTS)
def test_a_complaint_has_its_tests(number: int) -> None:
    _, tests = COMPLAINTS[number]
    for path, beginning in tests:
        found = [name for name in names_in(path) if name.startswith(beginning)]
        assert len(found) == 1, f"{path} has {found or 'nothing'} for {beginning}"
