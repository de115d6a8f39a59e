"""The frame of every page: routes, forms and errors.

A page is a `Page` with its routes. A view reads and renders; an action changes something and leads to a page. Both are
plain functions, which run in a thread.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from operations.console.console import EXPLAINED, Console, Form, Notice
from operations.console.failures import Failure, failure
from operations.console.rendering import FOLDER, render
from operations.console.security import FORM_KEY, Guard, Keys

# Far above every form of the console.
_LARGEST_FORM = 64 * 1024
_RELOAD_SECONDS = 10
View = Callable[[Console, Request], Response]
Action = Callable[[Console, Request, Form], Response]


@dataclass(frozen=True)
class Page:
    """An entry of the navigation, with the routes below it.

    `views` are for GET and `actions` for POST, by path. Pages with `local_only` exist only for the local stack.
    `needs` is an output without which the stack does not have this part.
    """

    title: str
    path: str
    views: Mapping[str, View]
    actions: Mapping[str, Action]
    local_only: bool = False
    needs: str = ""

    def shown(self, console: Console) -> bool:
        if self.local_only and console.local is None:
            return False
        return not self.needs or self.needs in console.stack.outputs


class ShownError(Exception):
    """A page that explains what is wrong with the request: `status`, `title` and text."""

    def __init__(self, status: int, title: str, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.title = title


def show(console: Console, request: Request, template: str, status: int = 200, **values: Any) -> Response:
    """Renders a page. Templates always have: console, path, pages, csrf, notice, reload and now."""
    state = request.app.state
    notice = console.take_notice(request.query_params.get("notice", ""))
    others = [(name, value) for name, value in request.query_params.items() if name not in ("reload", "notice")]
    reload = request.query_params.get("reload") == str(_RELOAD_SECONDS)
    text = render(
        template,
        console=console,
        path=request.url.path,
        pages=state.pages,
        csrf=state.keys.form,
        notice=notice,
        reload=_RELOAD_SECONDS if reload else 0,
        here="?" + urlencode(others) if others else request.url.path,
        reloading="?" + urlencode([*others, ("reload", _RELOAD_SECONDS)]),
        now=console.now(),
        **values,
    )
    # Only where the reader has asked for it, and can stop it.
    headers = {"Refresh": str(_RELOAD_SECONDS)} if reload else {}
    return HTMLResponse(text.encode(errors="replace"), status, headers)


def done(console: Console, path: str, text: str, *, problem: bool = False, **query: str) -> Response:
    """After an action: leads to a page, which shows the text once. Reloading it does not repeat the action."""
    name = console.keep_notice(Notice(text, problem))
    return RedirectResponse(f"{path}?{urlencode({**query, 'notice': name})}", 303)


def make_app(console: Console, keys: Keys, pages: Sequence[Page]) -> ASGIApp:
    """The console as an ASGI application."""

    def refusal(status: int, title: str, text: str) -> Response:
        return HTMLResponse(render("refused.html", title=title, text=text), status)

    routes: list[Route | Mount] = [Mount("/static", StaticFiles(directory=FOLDER / "static"))]
    for page in pages:
        if page.shown(console):
            routes += [Route(path, _viewing(console, view), methods=["GET"]) for path, view in page.views.items()]
            routes += [Route(path, _acting(console, act), methods=["POST"]) for path, act in page.actions.items()]
    app = Starlette(
        routes=routes,
        exception_handlers={
            **dict.fromkeys(EXPLAINED, _explained(console)),
            ShownError: _shown_error(console),
            HTTPException: _not_found(console),
            Exception: _unexpected(console),
        },
    )
    app.state.keys = keys
    app.state.pages = [page for page in pages if page.shown(console)]
    # Around everything, so that pages about errors have the headers, too.
    return Guard(app, keys, refusal)


def _viewing(console: Console, view: View) -> Callable[[Request], Any]:
    async def answer(request: Request) -> Response:
        return await run_in_threadpool(view, console, request)

    return answer


def _acting(console: Console, action: Action) -> Callable[[Request], Any]:
    """Runs an action only if a page of this console sent the form, and the console may change the stack."""

    async def answer(request: Request) -> Response:
        form = await _form(request)
        if not request.app.state.keys.allow_form(request, form.get(FORM_KEY, "")):
            raise ShownError(
                403, "This form is not valid", "Nothing was changed. Go back, reload the page, and try again."
            )
        if not console.allows_changes:
            raise ShownError(
                403, "This console is read-only", "To change the stack, start it with make console ALLOW_CHANGES=1."
            )
        return await run_in_threadpool(action, console, request, form)

    return answer


async def _form(request: Request) -> Form:
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > _LARGEST_FORM:
            raise ShownError(413, "The form is too large", f"A form has at most {_LARGEST_FORM:,} bytes.")
    return dict(parse_qsl(body.decode(errors="replace"), keep_blank_values=True))


def _explained(console: Console) -> Callable[[Request, Exception], Response]:
    def handle(request: Request, error: Exception) -> Response:
        found = failure(error, console.stack.name, console.region)
        return show(console, request, "error.html", 403 if found.denied else 502, failure=found)

    return handle


def _shown_error(console: Console) -> Callable[[Request, Exception], Response]:
    def handle(request: Request, error: Exception) -> Response:
        assert isinstance(error, ShownError)
        return show(console, request, "error.html", error.status, failure=Failure(error.title, str(error)))

    return handle


def _not_found(console: Console) -> Callable[[Request, Exception], Response]:
    def handle(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        found = Failure("Page not found" if error.status_code == 404 else error.detail, "There is no such page here.")
        return show(console, request, "error.html", error.status_code, failure=found)

    return handle


def _unexpected(console: Console) -> Callable[[Request, Exception], Response]:
    def handle(request: Request, error: Exception) -> Response:
        text = f"This is a mistake of the console ({type(error).__name__}). The terminal of make console shows where."
        return show(console, request, "error.html", 500, failure=Failure("Something went wrong", text))

    return handle
