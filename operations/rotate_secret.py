"""Stores a client secret that was rotated by hand: `python -m operations.rotate_secret STACK` (make rotate-secret).

Asks for the new secret without showing it, checks that Login with Amazon accepts it, and puts it in place of the old
one. The functions keep the old one as a reserve until it ends, seven days later.
"""

import getpass
import os
import sys
import uuid
from datetime import UTC, datetime, timedelta

import boto3

from operations.client_secret import application_secret, rotation_records
from operations.command import CommandError, MakeParser, run_command
from operations.stack import Stack, find_stack
from quickstart.application_secret import SecretVersion
from quickstart.secret_rotation.replacement import SECRET_LIFE
from quickstart.secret_rotation.versions import SecretChangedError, SecretVersions
from sp_api.deadline import Deadline
from sp_api.errors import AuthorizationError, SellingPartnerApiError
from sp_api.lwa import ApplicationCredentials, LwaClient, Scope
from sp_api.regions import Environment
from sp_api.transport import make_http

# The old secret works this long after a rotation (SP-API docs, "LWA credentials FAQ").
OLD_SECRET_LIFE = timedelta(days=7)
LWA_SECONDS = 20.0


def store(stack: Stack, client_secret: str, expires_at: datetime, now: datetime) -> str:
    """Verifies the secret and puts it in place of the one in use. Returns a sentence that says what was done.

    Raises CommandError if LWA does not accept the secret; nothing is changed then.
    """
    secret = application_secret(stack)
    if not client_secret:
        raise CommandError("No secret was given. Nothing was changed.")
    if not now < expires_at <= now + SECRET_LIFE + timedelta(days=1):
        raise CommandError(
            f"EXPIRES must be a day from today to {now + SECRET_LIFE:%Y-%m-%d}, because a client secret lives for 180 "
            f"days; it is {expires_at:%Y-%m-%d}. Nothing was changed."
        )
    used = secret.in_use()
    _verify(stack, ApplicationCredentials(used.client_id, client_secret))
    versions = SecretVersions(secret)
    used = versions.adopt()
    new = SecretVersion(
        str(uuid.uuid4()), used.client_id, client_secret, now, expires_at, previous_expires_at=now + OLD_SECRET_LIFE
    )
    if client_secret != used.client_secret:
        versions.store_pending(new)
        try:
            versions.switch(new, used)
        except SecretChangedError as error:
            raise CommandError(f"{error}. Run the same command again.") from None
    records = rotation_records(stack, used.client_id)
    if records is not None:
        records.in_use(now, expires_at)
    if client_secret == used.client_secret:
        return "This secret is already in use."
    return (
        f"The new secret is in use. It ends on {expires_at:%Y-%m-%d}. The old one is kept as a reserve until "
        f"{now + OLD_SECRET_LIFE:%Y-%m-%d}, when it ends."
    )


def _verify(stack: Stack, credentials: ApplicationCredentials) -> None:
    environment = Environment(lwa_endpoint=stack.parameters.get("LoginWithAmazonEndpoint", ""))
    lwa = LwaClient(make_http(), environment.lwa_url, lambda *, fresh: credentials)  # noqa: ARG005 - just given
    try:
        lwa.grantless_access_token(Scope.NOTIFICATIONS, Deadline.after(LWA_SECONDS))
    except AuthorizationError as error:
        if error.error != "invalid_client":
            raise CommandError(f"Login with Amazon: {error}. Nothing was changed.") from None
        raise CommandError(
            "Login with Amazon does not accept this secret for this application. Nothing was changed. Check that you "
            "copied all of it. A new secret may need more than half an hour before it works: then run this again."
        ) from None
    except SellingPartnerApiError as error:
        raise CommandError(f"Login with Amazon did not answer: {error}. Nothing was changed.") from None


def read_secret(descriptor: int | None) -> str:
    """The secret from a file descriptor, or typed in a terminal that does not show it. Raises CommandError."""
    if descriptor is not None:
        try:
            with os.fdopen(descriptor, encoding="utf-8") as file:
                return file.read().strip()
        except (OSError, UnicodeDecodeError):
            raise CommandError(f"File descriptor {descriptor} cannot be read as text.") from None
    if not sys.stdin.isatty():
        raise CommandError("Run this in a terminal, or give the secret on a file descriptor: FD=3 3< file")
    return getpass.getpass("New client secret (not shown): ").strip()


def read_end(text: str, now: datetime) -> datetime:
    """The last day of the secret. Raises CommandError."""
    try:
        end = datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        raise CommandError(f"EXPIRES must be a date such as 2027-05-22, not {text}") from None
    if end <= now:
        raise CommandError(f"EXPIRES must be a date in the future, not {text}")
    return end


def main() -> int:
    parser = MakeParser(
        "make rotate-secret [STACK=<name>] [REGION=] [EXPIRES=] [FD=]", __doc__, {"--fd": "FD", "--expires": "EXPIRES"}
    )
    parser.add_argument("stack", help="name of the root stack")
    parser.add_argument("--region", help="the stack's region, if not your default one")
    parser.add_argument("--expires", help="last day of the new secret (YYYY-MM-DD), if you did not rotate it today")
    parser.add_argument("--fd", type=int, help="file descriptor to read the secret from, instead of the terminal")
    options = parser.parse_args()

    def run(session: boto3.Session) -> int:
        stack, now = find_stack(options.stack, session), datetime.now(UTC)
        end = read_end(options.expires, now) if options.expires else now + SECRET_LIFE
        print(store(stack, read_secret(options.fd), end, now))
        return 0

    return run_command(run, options.stack, options.region)


if __name__ == "__main__":
    sys.exit(main())
