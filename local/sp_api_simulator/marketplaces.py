"""The marketplaces of each region (SP-API docs, "Marketplace IDs")."""

from __future__ import annotations

from collections.abc import Mapping

from sp_api_simulator.state import Region

MARKETPLACES: Mapping[Region, frozenset[str]] = {
    Region.NA: frozenset(
        {
            "A1AM78C64UM0Y8",  # Mexico
            "A2EUQ1WTGCTBG2",  # Canada
            "A2Q3Y263D00KWC",  # Brazil
            "ATVPDKIKX0DER",  # United States
            # Stores outside Amazon, as getReport shows them.
            "A2ZV50J4W1RKNI",
            "A3H6HPSLHAK3XG",
        }
    ),
    Region.EU: frozenset(
        {
            "A13V1IB3VIYZZH",  # France
            "A17E79C6D8DWNP",  # Saudi Arabia
            "A1805IZSGTT6HS",  # Netherlands
            "A1C3SOZRARQ6R3",  # Poland
            "A1F83G8C2ARO7P",  # United Kingdom
            "A1PA6795UKMFR9",  # Germany
            "A1RKKUPIHCS9HS",  # Spain
            "A21TJRUUN4KGV",  # India
            "A28R8C7NBKEWEA",  # Ireland
            "A2NODRKZP88ZB9",  # Sweden
            "A2VIGQ35RCS4UG",  # United Arab Emirates
            "A33AVAJ2PDY3EV",  # Turkey
            "AE08WJ6YKNBMC",  # South Africa
            "AMEN7PMS3EDWL",  # Belgium
            "APJ6JRA9NG5V4",  # Italy
            "ARBP9OOSHTCHU",  # Egypt
        }
    ),
    Region.FE: frozenset(
        {
            "A19VAU5U5O7RUS",  # Singapore
            "A1VC38T7YXB528",  # Japan
            "A39IBJ37TRP1C6",  # Australia
        }
    ),
}
