"""Orders: when reviews are due, one order's story, exclusions."""

import re
from datetime import date, timedelta
from functools import partial

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from operations.console.advice import advice
from operations.console.console import Console, Form
from operations.console.pages.addresses import address
from operations.console.pages.executions import KINDS
from operations.console.reading.executions import read_events
from operations.console.reading.orders import (
    MOST_COUNTED,
    STATES,
    WEEKS,
    Line,
    find_execution,
    read_calendar,
    read_exclusions,
    read_order,
    read_orders,
    read_seller_states,
    story,
)
from operations.console.reading.sellers import known_sellers
from operations.console.web import Page, ShownError, done, show
from operations.outcomes import MACHINES
from operations.solicitations import exclude, include
from quickstart.solicitations.ledger import EVERYONE, State

ROOT = "orders"
_SELLERS = 20
_MOST_OFFERED = 500
_SELLER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def orders(console: Console, request: Request) -> Response:
    given = request.query_params
    wanted = given.get("order", "").strip()
    if wanted:
        found = read_order(console.stack, wanted, given.get("seller", "").strip())
        if len(found) == 1:
            return RedirectResponse(address(ROOT, found[0].key.seller_id, found[0].key.order_id), 303)
        return show(console, request, "orders_found.html", orders=found, wanted=wanted, states=STATES, address=_address)
    if seller := given.get("seller", "").strip():
        kept = {name: given.get(name, "") for name in ("from", "day", "state")}
        return RedirectResponse(_address(seller, **kept), 303)
    sellers, after = known_sellers(console), given.get("after", "")
    rest = [seller for seller in sellers if seller > after]
    page = rest[:_SELLERS]
    exclusions = console.part(lambda: read_exclusions(console.stack))
    states = console.part(lambda: read_seller_states(console, page, console.now().date()))
    return show(
        console,
        request,
        "orders.html",
        sellers=sellers[:_MOST_OFFERED],
        count=len(sellers),
        states=states,
        exclusions=exclusions,
        most=MOST_COUNTED,
        following=_address(after=page[-1]) if len(rest) > len(page) else "",
        later=bool(after),
        address=_address,
    )


def seller_orders(console: Console, request: Request) -> Response:
    seller, given = request.path_params["seller"], request.query_params
    today = console.now().date()
    begin = _day(given.get("from", "")) or today - timedelta(days=today.weekday() + 7)
    day, state = _day(given.get("day", "")), _state(given.get("state", ""))
    first, last = (day, day) if day else (begin, begin + timedelta(days=7 * WEEKS - 1))
    # At the same time: a list of orders in a rare state takes several reads, one after the other.
    reading = console.start(lambda: read_orders(console.stack, seller, first, last, state, given.get("after", "")))
    calendar = console.part(lambda: read_calendar(console, seller, begin))
    found = reading.result()
    exclusions = console.part(lambda: read_exclusions(console.stack))
    known = console.part(lambda: seller in known_sellers(console))
    link = partial(_address, seller)
    chosen = {"from": begin.isoformat(), "day": day, "state": state}
    return show(
        console,
        request,
        "seller_orders.html",
        seller=seller,
        known=known,
        calendar=calendar,
        orders=found,
        exclusions=exclusions,
        states=STATES,
        today=today,
        day=day,
        state=state,
        begin=begin,
        first=first,
        last=last,
        most=MOST_COUNTED,
        earlier=link(**{"from": (begin - timedelta(weeks=WEEKS)).isoformat()}),
        later=link(**{"from": (begin + timedelta(weeks=WEEKS)).isoformat()}),
        days=lambda each: link(**chosen | {"day": each}),
        following=link(**chosen, after=found.value.following) if found.value and found.value.following else "",
        address=_address,
    )


def order(console: Console, request: Request) -> Response:
    before = _found(console, request).record
    handled = None if before is None else console.part(partial(find_execution, console, before))
    events = None
    if handled is not None and handled.value is not None:
        machine, execution = handled.value
        events = console.part(lambda: read_events(console.stack, machine, execution.name))
    # Again: the state must not be older than the execution, which may have ended in between.
    found = _found(console, request)
    record = found.record
    return show(
        console,
        request,
        "order.html",
        line=found,
        record=record,
        story=[] if record is None else story(record, console.now()),
        exclusions=console.part(lambda: read_exclusions(console.stack)),
        states=STATES,
        handled=handled,
        events=events,
        kinds=KINDS,
        advice=advice(console, MACHINES["SolicitationStateMachineArn"].failed),
        address=_address,
        executions=partial(address, "executions"),
        logs=partial(address, "logs"),
    )


def _found(console: Console, request: Request) -> Line:
    seller, order_id = request.path_params["seller"], request.path_params["order"]
    found = next(iter(read_order(console.stack, order_id, seller)), None)
    if found is None:
        raise ShownError(
            404,
            "Order not found",
            f"The stack has no order {order_id} of {seller}. It keeps an order for 90 days after its deadline.",
        )
    return found


def ask_to_stop(console: Console, request: Request) -> Response:
    """The page that asks first."""
    everyone, _ = read_exclusions(console.stack)
    return show(console, request, "stop_orders.html", everyone=everyone, address=_address)


def stop(console: Console, request: Request, form: Form) -> Response:  # noqa: ARG001 - has no fields
    exclude(console.stack, EVERYONE)
    return done(console, f"/{ROOT}", "Stopped: no review is requested from the next step of each order on.")


def resume(console: Console, request: Request, form: Form) -> Response:  # noqa: ARG001 - has no fields
    include(console.stack, EVERYONE)
    return done(
        console, f"/{ROOT}", "Resumed: within a day, each order whose window is open goes on. Excluded sellers stay so."
    )


def exclude_seller(console: Console, request: Request, form: Form) -> Response:  # noqa: ARG001 - all is in the form
    seller = _seller(form)
    exclude(console.stack, seller)
    text = f"Excluded {seller}: no review is requested from the next step of each of its orders on."
    return done(console, _back(form, seller), text)


def include_seller(console: Console, request: Request, form: Form) -> Response:  # noqa: ARG001 - all is in the form
    seller = _seller(form)
    include(console.stack, seller)
    text = f"{seller} is no longer excluded: within a day, each of its orders whose window is open goes on."
    return done(console, _back(form, seller), text)


def _back(form: Form, seller: str) -> str:
    """The page that the form is on: that of the seller, or of all."""
    return _address(seller) if form.get("back") else f"/{ROOT}"


def _seller(form: Form) -> str:
    seller = form.get("seller", "").strip()
    if not _SELLER.fullmatch(seller):
        raise ShownError(400, "Not a seller id", "A seller id has letters, digits and - . _, and at most 64 of them.")
    return seller


def _day(given: str) -> date | None:
    if not given:
        return None
    try:
        day = date.fromisoformat(given)
    except ValueError:
        raise ShownError(400, "Not a day", "Enter a day such as 2026-11-26.") from None
    # No order has another; and the days around it are calculated from it.
    return day if 2000 <= day.year < 2100 else None


def _state(given: str) -> State | None:
    try:
        return State(given) if given else None
    except ValueError:
        raise ShownError(400, "Unknown state", f"The state must be one of {', '.join(State)}.") from None


def _address(*parts: str, **query: object) -> str:
    return address(ROOT, *parts, **query)


PAGE = Page(
    "Orders",
    f"/{ROOT}",
    {
        f"/{ROOT}": orders,
        f"/{ROOT}/stop": ask_to_stop,
        f"/{ROOT}/{{seller}}": seller_orders,
        f"/{ROOT}/{{seller}}/{{order}}": order,
    },
    {
        f"/{ROOT}/stop": stop,
        f"/{ROOT}/resume": resume,
        f"/{ROOT}/exclude": exclude_seller,
        f"/{ROOT}/include": include_seller,
    },
    needs="SolicitationsTableName",
)
