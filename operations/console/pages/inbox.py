"""The e-mails of a local stack."""

from functools import partial

from starlette.requests import Request
from starlette.responses import Response

from operations.console.console import Console
from operations.console.pages.addresses import address
from operations.console.reading.inbox import find_mail, read_inbox
from operations.console.web import Page, ShownError, show

ROOT = "inbox"


def inbox(console: Console, request: Request) -> Response:
    assert console.local is not None, "the page exists for local stacks only"
    before = request.query_params.get("before", "")
    found = read_inbox(console.local.mail_directory, before)
    return show(console, request, "inbox.html", found=found, later=bool(before), address=partial(address, ROOT))


def mail(console: Console, request: Request) -> Response:
    assert console.local is not None, "the page exists for local stacks only"
    found = find_mail(console.local.mail_directory, request.path_params["mail"])
    if found is None:
        raise ShownError(404, "E-mail not found", "The mailbox has no such e-mail.")
    return show(console, request, "mail.html", mail=found)


PAGE = Page("Inbox", f"/{ROOT}", {f"/{ROOT}": inbox, f"/{ROOT}/{{mail}}": mail}, {}, local_only=True)
