"""What the demo and the tests ask of the running SP-API simulator, through its control API."""

from typing import Any

import requests

# Any SP-API application will do: the simulator is started with these.
CLIENT_ID = "amzn1.application-oa2-client.0123456789abcdef0123456789abcdef"
CLIENT_SECRET = "amzn1.oa2-cs.v1.0123456789abcdef0123456789abcdef"  # noqa: S105 it opens the simulator alone
_SECONDS = 30


def application_arguments() -> list[str]:
    """Command-line arguments that register the application, and a report that is made within seconds."""
    return [
        "--client-id",
        CLIENT_ID,
        "--client-secret",
        CLIENT_SECRET,
        "--queue-seconds",
        "1",
        "--processing-seconds",
        "2",
    ]


def control(endpoint: str, method: str, path: str, body: object = None) -> Any:
    """A call of the control API; raises requests.HTTPError when it is refused."""
    answer = requests.request(method, f"{endpoint}/simulator/{path}", json=body, timeout=_SECONDS)
    answer.raise_for_status()
    return answer.json() if answer.content else None


def authorize_seller(endpoint: str, seller_id: str, **seller: object) -> str:
    """The seller authorises the application; gives the refresh token."""
    authorized = control(endpoint, "POST", "sellers", {"sellerId": seller_id, **seller})
    return str(authorized["refreshToken"])


def served_document(endpoint: str, report_id: str) -> bytes:
    """The bytes that the simulator serves as the report's document."""
    answer = requests.get(f"{endpoint}/simulator/reports/{report_id}/document", stream=True, timeout=_SECONDS)
    answer.raise_for_status()
    body: bytes = answer.raw.read(decode_content=False)
    return body
