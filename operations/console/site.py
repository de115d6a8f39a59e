"""All pages, in the order of the navigation."""

from collections.abc import Sequence

from operations.console.pages import (
    dead_letters,
    executions,
    inbox,
    listings,
    logs,
    orders,
    overview,
    reports,
    sellers,
    simulator,
)
from operations.console.web import Page

PAGES: Sequence[Page] = (
    overview.PAGE,
    reports.PAGE,
    sellers.PAGE,
    orders.PAGE,
    listings.PAGE,
    executions.PAGE,
    dead_letters.PAGE,
    logs.PAGE,
    inbox.PAGE,
    simulator.PAGE,
)
