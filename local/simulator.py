"""Client of the running SP-API simulator's control API, for the demo and the tests."""

from typing import Any

import requests

# The simulator is started with these. Any values in the right format work.
CLIENT_ID = "amzn1.application-oa2-client.0123456789abcdef0123456789abcdef"
CLIENT_SECRET = "amzn1.oa2-cs.v1.0123456789abcdef0123456789abcdef"  # noqa: S105 valid only for the simulator
# Far above what a busy machine needs, as all limits here and in the files beside this one.
_SECONDS = 120
# The name of the event bus for SP-API's partner events in the emulator's account.
EVENT_BUS = "aws.partner/sellingpartnerapi.amazon.com/111122223333/amzn1.sp.solution.simulator"


def application_arguments() -> list[str]:
    """Command-line arguments that register the application and let reports finish within seconds."""
    return [
        "--client-id",
        CLIENT_ID,
        "--client-secret",
        CLIENT_SECRET,
        "--queue-seconds",
        "1",
        "--processing-seconds",
        "2",
        "--listing-seconds",
        "1",
        # The stack subscribes with the dated version where a type has one.
        "--payload-versions",
        "both",
    ]


def control(endpoint: str, method: str, path: str, body: object = None) -> Any:
    """Calls the control API. Returns the response. Raises requests.HTTPError for an error response."""
    answer = requests.request(method, f"{endpoint}/simulator/{path}", json=body, timeout=_SECONDS)
    answer.raise_for_status()
    return answer.json() if answer.content else None


def authorize_seller(endpoint: str, seller_id: str, **seller: object) -> str:
    """Authorizes the application for the seller. Returns the refresh token."""
    authorized = control(endpoint, "POST", "sellers", {"sellerId": seller_id, **seller})
    return str(authorized["refreshToken"])


def served_document(endpoint: str, report_id: str) -> bytes:
    """The bytes of the report's document as the simulator serves it."""
    answer = requests.get(f"{endpoint}/simulator/reports/{report_id}/document", stream=True, timeout=_SECONDS)
    answer.raise_for_status()
    body: bytes = answer.raw.read(decode_content=False)
    return body
