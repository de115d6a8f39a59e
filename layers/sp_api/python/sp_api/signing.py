"""Signs requests with AWS Signature Version 4, for applications that still do so.

SP-API has ignored signatures since 2 October 2023 (SP-API docs, "SP-API will no longer require AWS IAM or AWS Signature
Version 4"). botocore computes the signature, and is imported when a signer is used.
"""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sp_api.deadline import Deadline, DeadlineExceeded
from sp_api.errors import AccessDeniedError, SellingPartnerApiError, TransientError, presentable
from sp_api.lwa import StoredValue

_OPERATION = "AssumeRole"
_SESSION_NAME = "selling-partner-api"
# A session is not used in its last minutes, so that it does not expire during a request.
_MARGIN_SECONDS = 300.0
_SIGNATURE_HEADERS = frozenset({"authorization", "x-amz-date", "x-amz-security-token"})


@dataclass(frozen=True)
class SigningCredentials:
    """An IAM user's access key, and the role that the application is registered with."""

    access_key_id: str
    secret_key: str = field(repr=False)
    role_arn: str


@dataclass(frozen=True)
class _Session:
    access_key_id: str
    secret_key: str = field(repr=False)
    token: str = field(repr=False)
    usable_until: float


@dataclass(frozen=True)
class Signer:
    """Assumes the role, caches its session until shortly before its end, and signs with it; a `caller.RequestSigner`.

    `sts_endpoint` is the URL of AWS STS, None for the default.
    """

    credentials: StoredValue[SigningCredentials]
    sts_endpoint: str | None = None
    clock: Callable[[], float] = time.time
    _sessions: list[_Session] = field(default_factory=list, init=False, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def __call__(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
        aws_region: str,
        deadline: Deadline,
    ) -> Mapping[str, str]:
        """The headers that sign the request. Raises AccessDeniedError, TransientError, DeadlineExceeded."""
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.credentials import Credentials

        session = self._session(aws_region, deadline)
        request = AWSRequest(method=method, url=url, headers=dict(headers), data=body)
        keys = Credentials(session.access_key_id, session.secret_key, session.token)
        SigV4Auth(keys, "execute-api", aws_region).add_auth(request)
        return {name: value for name, value in request.headers.items() if name.lower() in _SIGNATURE_HEADERS}

    def _session(self, aws_region: str, deadline: Deadline) -> _Session:
        if not self._lock.acquire(timeout=deadline.remaining(_OPERATION)):
            raise DeadlineExceeded(_OPERATION, message="the time ran out while waiting for a session")
        try:
            if not self._sessions or self.clock() >= self._sessions[0].usable_until:
                self._sessions[:] = [self._assume_with_stored(aws_region, deadline)]
            return self._sessions[0]
        finally:
            self._lock.release()

    def _assume_with_stored(self, aws_region: str, deadline: Deadline) -> _Session:
        """A session; refused credentials are read again, and tried once more if they have changed."""
        used = self.credentials(fresh=False)
        try:
            return self._assume(used, aws_region, deadline)
        except AccessDeniedError:
            stored = self.credentials(fresh=True)
            if stored == used:
                raise
        return self._assume(stored, aws_region, deadline)

    def _assume(self, credentials: SigningCredentials, aws_region: str, deadline: Deadline) -> _Session:
        import botocore.session
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError, ClientError

        # Connecting and reading share the remaining time.
        seconds = deadline.remaining(_OPERATION) / 2
        sts: Any = botocore.session.Session().create_client(
            "sts",
            region_name=aws_region,
            endpoint_url=self.sts_endpoint,
            aws_access_key_id=credentials.access_key_id,
            aws_secret_access_key=credentials.secret_key,
            config=Config(connect_timeout=seconds, read_timeout=seconds, retries={"total_max_attempts": 1}),
        )
        try:
            answer = sts.assume_role(RoleArn=credentials.role_arn, RoleSessionName=_SESSION_NAME)["Credentials"]
        except ClientError as error:
            raise _refusal(dict(error.response)) from None
        except BotoCoreError as error:
            raise TransientError(_OPERATION, message=type(error).__name__) from None
        expiration: datetime = answer["Expiration"]
        return _Session(
            access_key_id=answer["AccessKeyId"],
            secret_key=answer["SecretAccessKey"],
            token=answer["SessionToken"],
            usable_until=expiration.timestamp() - _MARGIN_SECONDS,
        )


def _refusal(response: Mapping[str, Any]) -> SellingPartnerApiError:
    error, metadata = response.get("Error", {}), response.get("ResponseMetadata", {})
    status, code = metadata.get("HTTPStatusCode"), str(error.get("Code", ""))
    refused = isinstance(status, int) and 400 <= status < 500 and "Throttl" not in code
    kind = AccessDeniedError if refused else TransientError
    return kind(
        _OPERATION,
        status=status,
        code=presentable(code),
        message=presentable(str(error.get("Message", ""))),
        request_id=presentable(str(metadata.get("RequestId", ""))),
    )
