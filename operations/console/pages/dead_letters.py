"""Dead letters: read without consuming them, moved back, or deleted."""

from functools import partial

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from operations.command import counted
from operations.console.advice import advice
from operations.console.console import Console, Form
from operations.console.pages.addresses import address
from operations.console.reading.dead_letters import (
    HIDDEN_SECONDS,
    SHOWN,
    Queue,
    delete,
    find_queue,
    move_back,
    queues,
    read_letters,
    read_move,
    read_state,
)
from operations.console.web import Page, ShownError, done, show
from operations.redrive import start_moving

ROOT = "dead-letters"
_GONE = (
    "The message was not found. Somebody has moved or deleted it, or reads it at this moment: wait "
    f"{HIDDEN_SECONDS} seconds, and try again."
)


def all_queues(console: Console, request: Request) -> Response:
    found = console.together([partial(read_state, console.stack, queue) for queue in queues(console.stack)])
    states = sorted(found, key=lambda state: (-(state.count + state.waiting), state.queue.name))
    return show(
        console,
        request,
        "dead_letters.html",
        states=states,
        advice=partial(advice, console),
        address=partial(address, ROOT),
    )


def one_queue(console: Console, request: Request) -> Response:
    queue = _queue(console, request)
    state = read_state(console.stack, queue)
    move = console.start(lambda: read_move(console.stack, queue))
    letters = console.part(lambda: read_letters(console.stack, state))
    return show(
        console,
        request,
        "dead_letter_queue.html",
        queue=queue,
        state=state,
        letters=letters,
        move=move.result(),
        advice=partial(advice, console),
        most=SHOWN,
        hidden_seconds=HIDDEN_SECONDS,
        address=partial(address, ROOT, queue.name),
        logs=partial(address, "logs"),
    )


def ask_to_delete(console: Console, request: Request) -> Response:
    """The page that asks first."""
    queue = _queue(console, request)
    message = request.query_params.get("message", "")
    if not message:
        return RedirectResponse(address(ROOT, queue.name), 303)
    return show(
        console,
        request,
        "delete_dead_letter.html",
        queue=queue,
        message=message,
        advice=partial(advice, console),
        address=partial(address, ROOT, queue.name),
    )


def move_one(console: Console, request: Request, form: Form) -> Response:
    queue = _source(console, request)
    if not move_back(console.stack, queue, form.get("message", "")):
        return done(console, address(ROOT, queue.name), _GONE, problem=True)
    return done(console, address(ROOT, queue.name), "The message is back in the queue that it came from.")


def move_all(console: Console, request: Request, form: Form) -> Response:  # noqa: ARG001 - has no fields
    queue = _source(console, request)
    _, count = start_moving(console.stack, queue.output)
    text = "The queue is empty."
    if count:
        text = (
            f"SQS moves {counted(count, 'message')} back to the queue that they came from. Reload this page to see it."
        )
    return done(console, address(ROOT, queue.name), text)


def delete_one(console: Console, request: Request, form: Form) -> Response:
    queue = _queue(console, request)
    if not delete(console.stack, queue, form.get("message", "")):
        return done(console, address(ROOT, queue.name), _GONE, problem=True)
    return done(console, address(ROOT, queue.name), "The message is deleted.")


def _queue(console: Console, request: Request) -> Queue:
    name = request.path_params["queue"]
    found = find_queue(console.stack, name)
    if found is None:
        raise ShownError(404, "Queue not found", f"The stack has no dead-letter queue {name}.")
    return found


def _source(console: Console, request: Request) -> Queue:
    queue = _queue(console, request)
    if not queue.goes_back:
        raise ShownError(
            400, "These messages cannot be moved back", f"They came from no queue. {advice(console, queue.advice)}."
        )
    return queue


_ONE = f"/{ROOT}/{{queue}}"
PAGE = Page(
    "Dead letters",
    f"/{ROOT}",
    {f"/{ROOT}": all_queues, _ONE: one_queue, f"{_ONE}/delete": ask_to_delete},
    {f"{_ONE}/move": move_one, f"{_ONE}/move-all": move_all, f"{_ONE}/delete": delete_one},
)
