"""What a caller probably meant: "did you mean" for names of fields, regions, marketplaces and lists."""

import difflib
import re
from collections.abc import Iterable, Mapping

from sp_api.regions import MARKETPLACES, Marketplace, Region

# How alike two names must be, from 0 to 1; ReportTyp and ReportType are 0.95 alike.
_ALIKE = 0.8
_BY_COUNTRY: Mapping[str, Marketplace] = {
    **{marketplace.country_code: marketplace for marketplace in MARKETPLACES.values()},
    "UK": next(found for found in MARKETPLACES.values() if found.country_code == "GB"),
}
# SP-API's own names of its regions.
_BY_NAME: Mapping[str, Region] = {
    "NORTH AMERICA": Region.NA,
    "EUROPE": Region.EU,
    "FAR EAST": Region.FE,
}
_BY_AWS_REGION: Mapping[str, Region] = {region.aws_region: region for region in Region}
# What people write between the entries of a list, in place of commas.
_WRONG_SEPARATOR = re.compile(r"\s*;\s*|\s+")


def field_meant(name: str, known: Iterable[str]) -> str | None:
    """The field with this name in another case or with other separators, one that ends with it, or a similar one."""
    by_word = {_word(field): field for field in known}
    word = _word(name)
    if word in by_word:
        return by_word[word]
    # SP-API's dataStartTime is ReportDataStartTime here.
    ending = [field for known_word, field in by_word.items() if len(word) > 3 and known_word.endswith(word)]
    if len(ending) == 1:
        return ending[0]
    close = difflib.get_close_matches(word, by_word, n=1, cutoff=_ALIKE)
    return by_word[close[0]] if close else None


def region_meant(value: str) -> str | None:
    """ "NA, the region of US" for a country with a marketplace, an AWS region, or a region's name or code in another
    case."""
    code = value.strip().upper()
    if code in tuple(Region):
        return code
    if code in _BY_NAME:
        return str(_BY_NAME[code])
    if code in _BY_COUNTRY:
        return f"{_BY_COUNTRY[code].region}, the region of {code}"
    region = _BY_AWS_REGION.get(value.strip().lower())
    return None if region is None else f"{region}, the region that SP-API serves from {region.aws_region}"


def marketplace_of_country(value: str) -> Marketplace | None:
    """The marketplace of a country's code: no marketplace id has two letters."""
    return _BY_COUNTRY.get(value.strip().upper())


def with_commas(value: str) -> str | None:
    """The list with commas if it has other separators instead; None if it has commas or one entry."""
    if "," in value or not _WRONG_SEPARATOR.search(value.strip()):
        return None
    return ",".join(part for part in _WRONG_SEPARATOR.split(value.strip()) if part)


def _word(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
