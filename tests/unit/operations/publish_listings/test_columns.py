"""Headings: names, titles, Amazon's own paths, numbers, groups; and each that is wrong."""

from pathlib import Path

import pytest

from operations.publish_listings.columns import Headings, Role, column_texts, find_table, match_columns, place_of
from operations.publish_listings.definitions import Definitions
from operations.publish_listings.messages import Choices
from operations.publish_listings.sheets import FileProblemError, Merged, Problem, Sheet, column_letters
from tests.spreadsheets import HEADINGS, csv_bytes, rows_of, suitcase
from tests.unit.operations.publish_listings.reading import (
    LUGGAGE,
    Outcome,
    definitions_of,
    outcome_of,
    read,
    schema_of,
    sheet_of,
)


def with_columns(folder: Path, *more: tuple[str, object], headings: str = "", **changed: object) -> Outcome:
    """A suitcase with more columns, of which several can have the same heading."""
    product = suitcase(1, **changed)
    rows = [[*HEADINGS, *(name for name, _ in more)], [*product.values(), *(value for _, value in more)]]
    return read(csv_bytes(rows, delimiter=";"), folder, headings=headings)


def matched(
    sheet: Sheet, headings: str = "", known: Definitions = LUGGAGE
) -> tuple[list[tuple[object, ...]], list[Problem]]:
    """What each column of a sheet holds: its position with a heading and a role, or with a field and its indexes."""
    own = Headings.read(headings)
    columns, problems = match_columns(find_table(sheet, own), own, known.found)
    found: list[tuple[object, ...]] = []
    for column in columns:
        if column.role is not None:
            found.append((column.position, column.heading, column.role))
        else:
            (place,) = column.places.values()
            found.append((column.position, place.leaf.name, place.indexes))
    return found, list(problems)


@pytest.mark.parametrize(
    ("heading", "name", "indexes"),
    [
        ("item_name", "item_name", (0, 0)),
        ("Item Name", "item_name", (0, 0)),
        ("Nom de l'article", "item_name", (0, 0)),
        ("item_name.value", "item_name", (0, 0)),
        ("item_name#1.value", "item_name", (1, 0)),
        ("bullet_point 3", "bullet_point", (3, 0)),
        ("bullet_point3", "bullet_point", (3, 0)),
        ("Point clé 3", "bullet_point", (3, 0)),
        ("other_product_image_locator_1", "other_product_image_locator_1.media_location", (0, 0)),
        ("fulfillment_availability.quantity", "fulfillment_availability.quantity", (0, 0)),
        ("Fulfillment availability: Quantité", "fulfillment_availability.quantity", (0, 0)),
        ("item_package_dimensions.length.unit", "item_package_dimensions.length.unit", (0, 0, 0)),
        ("item_weight.unit", "item_weight.unit", (0, 0)),
        (
            "purchasable_offer[marketplace_id=A13V1IB3VIYZZH][audience=ALL]#1.our_price#1.schedule#1.value_with_tax",
            "purchasable_offer.our_price.schedule.value_with_tax",
            (1, 1, 1, 0),
        ),
    ],
)
def test_names_titles_and_paths(heading: str, name: str, indexes: tuple[int, ...]) -> None:
    place = place_of(heading, schema_of())
    assert place is not None
    assert (place.leaf.name, place.indexes) == (name, indexes)


@pytest.mark.parametrize(
    "heading",
    ["", "item_nam", "item_name 2", "bullet_point 0", "fulfillment_availability", "item_name.x", "a..b", "#1"],
)
def test_what_is_no_name(heading: str) -> None:
    assert place_of(heading, schema_of()) is None


def test_every_line_of_the_flat_table_is_a_heading() -> None:
    definition = schema_of("TELEVISION")
    assert len(definition.lines) > 100
    for name, line in definition.lines.items():
        place = place_of(name, definition)
        assert place is not None, name
        assert (place.leaf.name, place.leaf.type) == (name, line.type)


def test_several_values_of_an_attribute(tmp_path: Path) -> None:
    more = [
        ("bullet_point", "zweiter"),
        ("bullet_point", ""),
        ("bullet_point_5", "fünfter"),
        ("bullet_point#6", "sechster"),
    ]
    outcome = with_columns(tmp_path, *more)
    assert outcome.errors == []
    assert [point["value"] for point in outcome.attributes["bullet_point"]] == [
        "Légère",
        "zweiter",
        "fünfter",
        "sechster",
    ]


def test_columns_for_one_object_and_for_several(tmp_path: Path) -> None:
    code, quantity = "fulfillment_availability.fulfillment_channel_code", "fulfillment_availability.quantity"
    outcome = with_columns(
        tmp_path,
        (code, "DEFAULT"),
        (quantity, "5"),
        ("fulfillment_availability#2.fulfillment_channel_code", "AMAZON_EU"),
    )
    assert outcome.errors == []
    assert outcome.attributes["fulfillment_availability"] == [
        {"fulfillment_channel_code": "DEFAULT", "quantity": 5},
        {"fulfillment_channel_code": "AMAZON_EU"},
    ]


def test_selectors_in_a_heading_make_values_of_their_own(tmp_path: Path) -> None:
    outcome = with_columns(tmp_path, ("item_name[language_tag=en_GB]", "Suitcase"))
    assert outcome.errors == []
    names = {name["language_tag"]: name["value"] for name in outcome.attributes["item_name"]}
    assert names == {"fr_FR": "Valise légère n° 1", "en_GB": "Suitcase"}


def test_number_and_unit(tmp_path: Path) -> None:
    length, width = "item_package_dimensions.length", "item_package_dimensions.width"
    height = "item_package_dimensions.height"
    outcome = with_columns(
        tmp_path,
        ("item_weight", "2,5"),
        ("item_weight.unit", "Kilograms"),
        (length, "55 centimeters"),
        (width, "40 centimeters"),
        (height, "20 centimeters"),
    )
    assert outcome.errors == []
    weight = outcome.attributes["item_weight"][0]
    assert (weight["value"], weight["unit"]) == (2.5, "kilograms")
    assert outcome.attributes["item_package_dimensions"][0]["length"] == {"value": 55, "unit": "centimeters"}


def test_a_unit_without_a_number_is_no_value(tmp_path: Path) -> None:
    outcome = with_columns(tmp_path, ("item_weight", ""), ("item_weight.unit", "kilograms"))
    assert outcome.errors == []
    assert "item_weight" not in outcome.attributes


def test_a_number_without_its_unit_names_the_column(tmp_path: Path) -> None:
    outcome = with_columns(tmp_path, ("item_weight", "2,5"))
    assert outcome.errors == [(2, "required", "M")]
    assert "item_weight.unit is missing" in outcome.said("required")


def test_an_unknown_heading_has_suggestions_and_two_ways_out(tmp_path: Path) -> None:
    outcome = with_columns(tmp_path, ("wheel cont", "4"), ("Lagerort", "B7"))
    assert outcome.errors == [(1, "unknownColumn", "M"), (1, "unknownColumn", "N")]
    said = outcome.said("unknownColumn")
    assert said.startswith("M (wheel cont): is no attribute of LUGGAGE. Did you mean wheel_count? ")
    assert said.endswith(
        'To give it another name, or to leave it out: HEADINGS="wheel cont=<name>" or HEADINGS="wheel cont=" '
        "[unknownColumn]"
    )
    renamed = with_columns(
        tmp_path, ("wheel cont", "4"), ("Lagerort", "B7"), headings="wheel cont=wheel_count; lagerort="
    )
    assert renamed.errors == []
    assert renamed.attributes["wheel_count"][0]["value"] == 4


def test_the_skus_can_have_another_heading(tmp_path: Path) -> None:
    rows = rows_of([suitcase(1)])
    rows[0][0] = "Artikelnummer"
    outcome = read(csv_bytes(rows), tmp_path, headings="Artikelnummer=sku")
    assert [message.sku for message in outcome.messages] == ["VALISE-0001"]
    with pytest.raises(
        FileProblemError, match=r'^HEADINGS has Artikelnummer; write "heading=name; heading=name" \[headings\]$'
    ):
        Headings.read("Artikelnummer")


def test_values_without_a_heading_are_not_lost(tmp_path: Path) -> None:
    outcome = with_columns(tmp_path, ("bullet_point", "zweiter"), ("", "dritter"), ("", ""))
    assert outcome.errors == [(1, "noHeading", "N")]
    assert outcome.said("noHeading") == (
        "N: has values, the first in row 2, but no heading. Give it one, or delete the column. If the heading of M "
        "(bullet_point) is for this column too, repeat it. [noHeading]"
    )


def test_headings_for_the_same_value(tmp_path: Path) -> None:
    outcome = with_columns(tmp_path, ("Item Name", "Valise"), ("product_type", "LUGGAGE"), ("bullet_point#1", "x"))
    rules = [(1, "duplicateColumn", "M"), (1, "duplicateColumn", "O"), (1, "duplicateColumn", "N")]
    assert sorted(outcome.errors) == sorted(rules)
    said = {problem.sentence for problem in outcome.problems if problem.rule == "duplicateColumn"}
    assert said == {
        "M (Item Name): has the same value as the column D (item_name). For another value, write #2 after its name "
        "[duplicateColumn]",
        "O (bullet_point#1): has the same value as the column F (bullet_point). For another value, write #2 after its "
        "name [duplicateColumn]",
        "N (product_type): is a second column for product_type [duplicateColumn]",
    }


def test_a_lower_level_of_headings_in_csv() -> None:
    product = suitcase(1)
    names = [name for name in HEADINGS if name not in ("sku", "bullet_point")]
    upper = ("sku", "fulfillment_availability", None, "bullet_point", *names)
    lower = (None, "fulfillment_channel_code", "quantity", None, *([None] * len(names)))
    values = ("A", "DEFAULT", "5", "Légère", *(product[name] for name in names))
    outcome = outcome_of(sheet_of(upper, lower, values), Headings(), Choices(), LUGGAGE)
    assert outcome.errors == []
    assert outcome.attributes["fulfillment_availability"] == [{"fulfillment_channel_code": "DEFAULT", "quantity": 5}]


@pytest.mark.parametrize("title", [(), (("Catalogue 2027",),)])
def test_headings_in_two_rows_whose_skus_have_another_heading(title: tuple[tuple[object, ...], ...]) -> None:
    """The columns of SKU and brand have their headings in the upper row only. A title above them is none."""
    sheet = sheet_of(
        *title,
        ("Artikelnummer", "fulfillment_availability", None, "brand"),
        (None, "fulfillment_channel_code", "quantity", None),
        ("A", "DEFAULT", 5, "generic"),
    )
    columns, problems = matched(sheet, "Artikelnummer=sku")
    assert problems == []
    assert columns == [
        (0, "Artikelnummer", Role.SKU),
        (1, "fulfillment_availability.fulfillment_channel_code", (1, 1)),
        (2, "fulfillment_availability.quantity", (1, 1)),
        (3, "brand", (1, 1)),
    ]


GROUPS = ("sku", "fulfillment_availability", None, "item_weight", None)
LOWER = (None, "fulfillment_channel_code", "quantity", "value", "unit")


@pytest.mark.parametrize(
    ("rows", "levels", "products"),
    [
        ([GROUPS, LOWER, ("A",)], 2, [3]),
        ([GROUPS, (None, "fulfillment_channel_code"), ("A",)], 2, [3]),
        ([GROUPS, LOWER, (None, *LOWER[1:]), ("A",)], 2, [3, 4]),
        ([GROUPS, ("A", *LOWER[1:]), ("B",)], 1, [2, 3]),
        ([GROUPS, (None, "DEFAULT", 5), ("A",)], 1, [2, 3]),
        ([GROUPS, (), ("A",)], 1, [3]),
        ([("sku", "brand", "size"), (None, None, "L"), ("A",)], 1, [2, 3]),
        ([("sku", "brand", "size"), (None, "x"), ("A",)], 1, [2, 3]),
        ([("sku", "item_weight", None), (None, "value", "unit"), ("A",)], 2, [3]),
        ([("sku", "item_weight", None), (None, None, None, "size"), ("A",)], 2, [3]),
    ],
)
def test_which_rows_are_headings_in_csv(rows: list[tuple[object, ...]], levels: int, products: list[int]) -> None:
    """A lower row has no SKU, and texts only, each in a group of columns. There is one such row at most."""
    table = find_table(sheet_of(*rows), Headings())
    assert table.heading_row == levels
    assert [row.number for row in table.rows] == products


def of_merged(*rows: tuple[object, ...], merged: tuple[tuple[int, int, int, int], ...]) -> Sheet:
    """A sheet with merged areas: first and last row, first and last column."""
    return Sheet("", sheet_of(*rows).rows, tuple(Merged(*area) for area in merged))


@pytest.mark.parametrize(
    ("merged", "levels", "products"),
    [
        ([(1, 2, 0, 0)], 2, [3, 4, 5]),
        ([(1, 3, 0, 0)], 3, [4, 5]),
        ([(1, 2, 0, 1)], 2, [3, 4, 5]),
        ([(1, 2, 1, 1)], 1, [2, 3, 4, 5]),
        ([(3, 4, 0, 0)], 1, [2, 3, 4, 5]),
        ([(1, 1, 0, 1), (1, 2, 0, 0)], 1, [2, 3, 4, 5]),
    ],
)
def test_which_rows_are_headings_in_a_workbook(
    merged: list[tuple[int, int, int, int]], levels: int, products: list[int]
) -> None:
    """As many rows as are merged with the heading of the SKUs."""
    sheet = of_merged(("sku", "x"), ("A", "y"), ("B", "z"), ("C", "u"), ("D", "v"), merged=tuple(merged))
    table = find_table(sheet, Headings())
    assert table.heading_row == levels
    assert [row.number for row in table.rows] == products


@pytest.mark.parametrize("area", [(2, 3, 1, 1), (2, 3, 1, 2)])
def test_merged_cells_above_and_beside_the_heading_of_the_skus(area: tuple[int, int, int, int]) -> None:
    """They say nothing of how many rows have headings."""
    others = ((1, 1, 0, 3), (2, 4, 0, 0), (2, 4, 3, 3))
    sheet = of_merged(
        ("Title",), ("x", "sku", None, "y"), ("x", "v", "w", "y"), (None, "A"), ("z", "B"), merged=(*others, area)
    )
    table = find_table(sheet, Headings())
    assert table.heading_row == 3
    assert [row.number for row in table.rows] == [4, 5]


def test_each_of_several_merged_cells_has_their_value() -> None:
    sheet = of_merged(("sku", "x", "y"), ("A", "1", None, "z"), ("B",), ("C", "2", "3"), merged=((2, 3, 1, 2),))
    assert [row.cells for row in find_table(sheet, Headings()).rows] == [("A", "1", "1", "z"), ("B",), ("C", "2", "3")]


@pytest.mark.parametrize(("above", "found"), [(1, True), (2, True), (3, False)])
def test_a_heading_for_several_columns_is_at_most_two_rows_above_theirs(above: int, found: bool) -> None:
    sheet = sheet_of((None, "fulfillment_availability", None), *[()] * (above - 1), ("sku", "quantity"), ("A", 5))
    columns, problems = matched(sheet)
    assert len(columns) == (2 if found else 1)
    assert [(problem.row, problem.rule) for problem in problems] == ([] if found else [(above + 1, "unknownColumn")])


def test_a_group_that_begins_in_the_first_column() -> None:
    sheet = sheet_of(
        ("fulfillment_availability", None, None, "sku"),
        ("fulfillment_channel_code", "quantity", "restock_date", None),
        ("DEFAULT", 5, None, "A"),
    )
    columns, problems = matched(sheet)
    assert problems == []
    assert [column[1] for column in columns] == [
        "fulfillment_availability.fulfillment_channel_code",
        "fulfillment_availability.quantity",
        "fulfillment_availability.restock_date",
        "sku",
    ]


def test_in_a_sheet_with_merged_cells_a_group_has_only_the_columns_that_are_merged() -> None:
    rows = (("sku", "fulfillment_availability", None), (None, "fulfillment_channel_code", "quantity"), ("A", "D", 5))
    columns, problems = matched(of_merged(*rows, merged=((1, 2, 0, 0),)))
    assert [column[0] for column in columns] == [0, 1]
    assert [(problem.rule, problem.column) for problem in problems] == [("unknownColumn", "C (quantity)")]


def test_in_a_sheet_with_merged_cells_only_they_make_a_lower_row_of_headings() -> None:
    table = find_table(of_merged(GROUPS, LOWER, ("A",), merged=((3, 4, 1, 1),)), Headings())
    assert [level.number for level in table.levels] == [1]


def test_headings_over_three_rows() -> None:
    """A heading that is merged over two of them is one."""
    sheet = of_merged(
        ("sku", "fulfillment_availability", None),
        (None, "fulfillment_channel_code", "quantity"),
        (None, None, None),
        ("A", "DEFAULT", 5),
        merged=((1, 3, 0, 0), (1, 1, 1, 2), (2, 3, 1, 1), (2, 3, 2, 2)),
    )
    columns, problems = matched(sheet)
    assert problems == []
    assert [column[1] for column in columns] == [
        "sku",
        "fulfillment_availability.fulfillment_channel_code",
        "fulfillment_availability.quantity",
    ]


def test_a_title_is_no_heading_of_the_column_below_it() -> None:
    columns, problems = matched(sheet_of(("Catalogue", "2027"), ("sku", None), ("A", "x")))
    assert columns == [(0, "sku", Role.SKU)]
    assert [(problem.row, problem.rule, problem.column) for problem in problems] == [(2, "noHeading", "B")]


def test_numbers_inside_a_path() -> None:
    names = ("purchasable_offer.our_price#2.schedule#3.value_with_tax", "purchasable_offer#2.our_price.schedule")
    columns, problems = matched(sheet_of(("sku", *names), ("A", 1, 2)))
    assert problems == []
    assert [column[2] for column in columns[1:]] == [(1, 2, 3, 1), (2, 1, 1, 1)]


def test_a_column_left_of_every_group_has_its_own_heading() -> None:
    sheet = sheet_of((None, "fulfillment_availability"), ("quantity", "sku"), (5, "A"))
    columns, problems = matched(sheet)
    assert columns == [(1, "sku", Role.SKU)]
    assert [(problem.rule, problem.column) for problem in problems] == [("unknownColumn", "A (quantity)")]


def test_the_texts_of_a_column() -> None:
    table = find_table(
        sheet_of(("product_type", "sku"), ("SHIRT", "A"), (12, "B"), (None, "C"), ("HAT", "D")), Headings()
    )
    assert column_texts(table, Headings(), Role.PRODUCT_TYPE) == {2: "SHIRT", 5: "HAT"}
    assert column_texts(table, Headings(), Role.REQUIREMENTS) == {}


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([("Catalogue",), ("", None), ("Artikel", "Preis"), ("A", "B", "C")], "row 3 has Artikel, Preis"),
        ([("Catalogue",), (None,), (5, "x")], "row 1 has nothing"),
    ],
)
def test_what_stands_in_place_of_the_headings(rows: list[tuple[object, ...]], said: str) -> None:
    with pytest.raises(FileProblemError) as missing:
        find_table(sheet_of(*rows), Headings())
    assert str(missing.value) == (
        f"no row has the heading sku in the first 50 rows; {said}. If the SKUs have another heading, name it: "
        'HEADINGS="Article number=sku" [headings]'
    )


def test_no_product_below_two_rows_of_headings() -> None:
    with pytest.raises(FileProblemError, match=r"^there is no row below the headings in row 2 \[noRows\]$"):
        find_table(sheet_of(GROUPS, LOWER, (None, None)), Headings())


@pytest.mark.parametrize(
    ("text", "renamed"),
    [
        ("", {}),
        (" ; ;", {}),
        ("Artikel  Nummer = sku ;Notiz=", {"artikel nummer": "sku", "notiz": ""}),
        ("Preis=purchasable_offer[audience=ALL].our_price", {"preis": "purchasable_offer[audience=ALL].our_price"}),
    ],
)
def test_other_headings(text: str, renamed: dict[str, str]) -> None:
    headings = Headings.read(text)
    assert headings.renamed == renamed
    assert [headings.name_of(heading.upper()) for heading in renamed] == [name or None for name in renamed.values()]


@pytest.mark.parametrize("text", ["Artikel", "a=sku; =brand", "a=sku;b"])
def test_other_headings_that_name_nothing(text: str) -> None:
    shown = text.split(";")[-1].strip()
    with pytest.raises(FileProblemError) as wrong:
        Headings.read(text)
    assert str(wrong.value) == f'HEADINGS has {shown}; write "heading=name; heading=name" [headings]'


def test_each_column_of_several_values_has_an_index_of_its_own() -> None:
    """Those without a number take the numbers that are free."""
    names = ["bullet_point#2", "bullet_point", "bullet_point", "bullet_point_5", "bullet_point", "bullet_point"]
    columns, problems = matched(sheet_of(("sku", *names), ("A", *names)))
    assert problems == []
    assert [column[2] for column in columns[1:]] == [(2, 1), (1, 1), (3, 1), (5, 1), (4, 1), (6, 1)]


def test_columns_that_say_the_same_twice() -> None:
    names = ["item_name", "item_name#1.value", "item_name[language_tag=en_GB]", "bullet_point#3", "bullet_point_3"]
    columns, problems = matched(sheet_of(("sku", *names), ("A", *names)))
    assert [column[0] for column in columns] == [0, 1, 3, 4]
    same = "has the same value as the column {}. For another value, write #2 after its name"
    assert problems == [
        Problem(1, "duplicateColumn", same.format("B (item_name)"), "C (item_name#1.value)", 2),
        Problem(1, "duplicateColumn", same.format("E (bullet_point#3)"), "F (bullet_point_3)", 5),
    ]


def test_roles_that_several_columns_have() -> None:
    """Columns that are left out can be any number."""
    names = ("sku", "Item SKU", "operation", "seller sku", "publish_status", "publish_status", "Notiz", "Notiz")
    _, problems = matched(sheet_of(names, names), "notiz=")
    assert problems == [
        Problem(1, "duplicateColumn", "is a second column for sku", "B (Item SKU)", 1),
        Problem(1, "duplicateColumn", "is a second column for sku", "D (seller sku)", 3),
    ]


def test_a_column_without_a_heading_beside_one_that_is_no_attribute() -> None:
    sheet = sheet_of(("sku", None, "brand", "operation"), ("A",), ("B", "x", "generic", "", "y"), ("C", "z"))
    said = "has values, the first in row 3, but no heading. Give it one, or delete the column."
    hint = " If the heading of C (brand) is for this column too, repeat it."
    assert matched(sheet)[1] == [
        Problem(1, "noHeading", said, "B", 1),
        Problem(1, "noHeading", said + hint, "E", 4),
    ]


@pytest.mark.parametrize(
    ("heading", "hint"),
    [
        ("skus", "Did you mean sku? "),
        ("produkt type", "Did you mean product_type? "),
        ("left ou", ""),
        ("bullet poin", "Did you mean bullet_point? "),
    ],
)
def test_suggestions_for_an_unknown_heading(heading: str, hint: str) -> None:
    _, problems = matched(sheet_of(("sku", heading), ("A", "x")))
    assert problems == [
        Problem(
            1,
            "unknownColumn",
            f"is no attribute of LUGGAGE. {hint}To give it another name, or to leave it out: "
            f'HEADINGS="{heading}=<name>" or HEADINGS="{heading}="',
            f"B ({heading})",
            1,
        )
    ]


def test_an_unknown_heading_in_two_rows_is_named_by_the_lower_one() -> None:
    _, problems = matched(sheet_of(("sku", "Stock", None), (None, "Regal", "Fach"), ("A", "x", "y")))
    assert [(problem.row, problem.column) for problem in problems] == [(2, "B (Regal)"), (2, "C (Fach)")]


def test_at_most_three_suggestions() -> None:
    _, (problem,) = matched(sheet_of(("sku", "other_product_image_locator"), ("A", "x")))
    assert problem.message.count("other_product_image_locator_") == 3


def test_the_product_types_that_do_not_have_a_heading() -> None:
    sheet = sheet_of(("sku", "Lagerort"), ("A", "x"))
    _, (several,) = matched(sheet, known=definitions_of("SHIRT", "LUGGAGE"))
    assert several.message.startswith("is no attribute of LUGGAGE or SHIRT. To give")
    _, (none,) = matched(sheet, known=Definitions({}))
    assert none.message.startswith("is no attribute of the product type. To give")


def test_a_product_without_a_sku_is_no_lower_level_of_headings() -> None:
    product = suitcase(1, sku=None)
    rows = ((*HEADINGS, None), (*product.values(), None), (*suitcase(2).values(), None))
    outcome = outcome_of(sheet_of(*rows), Headings(), Choices(), LUGGAGE)
    assert outcome.errors == [(2, "missing", "A")]


def test_two_units_for_one_number(tmp_path: Path) -> None:
    same = with_columns(tmp_path, ("item_weight", "2,5 kilograms"), ("item_weight.unit", "Kilograms"))
    assert same.errors == []
    other = with_columns(tmp_path, ("item_weight", "2,5 kilograms"), ("item_weight.unit", "grams"))
    assert other.errors == [(2, "unit", "N")]
    assert "the unit differs from the one in M (item_weight)" in other.said("unit")


def test_columns_of_several_product_types(tmp_path: Path) -> None:
    known = definitions_of("LUGGAGE", "SHIRT")
    headings = [*HEADINGS, "fabric_type", "care_instructions"]
    shirt = suitcase(2, product_type="shirt", shell_type=None, fabric_type="Cotton", care_instructions="40 °C")
    good = read(csv_bytes(rows_of([suitcase(1), shirt], headings)), tmp_path, known=known)
    assert good.errors == []
    assert [message.content["productType"] for message in good.messages] == ["LUGGAGE", "SHIRT"]
    wrong = read(csv_bytes(rows_of([suitcase(1, fabric_type="Cotton"), shirt], headings)), tmp_path, known=known)
    assert wrong.errors == [(2, "unknownAttribute", "M")]
    assert "the product type LUGGAGE has no such attribute: leave the cell empty" in wrong.said("unknownAttribute")


@pytest.mark.parametrize(
    ("heading", "role"),
    [
        ("SKU", Role.SKU),
        ("Item SKU", Role.SKU),
        ("Seller SKU", Role.SKU),
        ("Product Type", Role.PRODUCT_TYPE),
        ("Feed Product Type", Role.PRODUCT_TYPE),
        ("operation", Role.OPERATION),
        ("Operation Type", Role.OPERATION),
        ("Update Delete", Role.OPERATION),
        ("requirements", Role.REQUIREMENTS),
        ("item_name", None),
    ],
)
def test_headings_that_are_no_attributes(heading: str, role: Role | None) -> None:
    """As Amazon's own templates have them, too."""
    assert Headings().role(heading) == role


@pytest.mark.parametrize(
    ("position", "letters"),
    [(0, "A"), (25, "Z"), (26, "AA"), (51, "AZ"), (52, "BA"), (701, "ZZ"), (702, "AAA"), (16_383, "XFD")],
)
def test_columns_as_spreadsheet_programs_name_them(position: int, letters: str) -> None:
    assert column_letters(position) == letters
