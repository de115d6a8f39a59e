"""Presigned links to stored objects."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sts import STSClient

# STS sessions last at least 15 minutes, and with role chaining at most an hour.
_SHORTEST_SESSION = 900
_LONGEST_SESSION_NAME = 64
# The characters of a session name (AWS API reference, AssumeRole).
_NOT_IN_A_SESSION_NAME = re.compile(r"[^A-Za-z0-9_=,.@-]")
_WILDCARD = re.compile(r"[*?$]")


@dataclass(frozen=True)
class Link:
    """A presigned link; anyone who has it can read the object until it expires."""

    url: str
    expires: datetime

    def __repr__(self) -> str:
        return f"Link(expires={self.expires:%Y-%m-%dT%H:%M:%SZ})"


@dataclass(frozen=True)
class ObjectLinks:
    """Creates links that are valid for the whole of `lifetime`.

    A presigned link expires with the credentials that signed it, and a function's own may expire within minutes. So
    links are signed with a session of a role that may only read the bucket, limited to the objects that are linked:
    whoever extracted the session from a function could read nothing else. `unsigned_s3` is a client without
    credentials, which makes the addresses: a client for each session would take 20 times as long as the signature.
    """

    sts: "STSClient"
    unsigned_s3: "S3Client"
    reader_role_arn: str
    bucket: str
    lifetime: timedelta
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def presign(self, key: str, session_name: str) -> Link:
        """A new link to one object."""
        return self.presign_all((key,), session_name)[0]

    def presign_all(self, keys: Sequence[str], session_name: str) -> tuple[Link, ...]:
        """A new link to each object. `session_name` appears in CloudTrail; it is cut to what STS accepts."""
        signer, expires = self._session("s3:GetObject", keys, session_name)
        return tuple(Link(self._signed(signer, "GET", key), expires) for key in keys)

    def presign_upload(self, key: str, session_name: str, content_type: str) -> Link:
        """A new link with which one object can be created. The role must be allowed to.

        The upload needs the headers Content-Type, with this value, and If-None-Match with *: both are signed. With the
        second, S3 refuses to replace an object (S3 user guide, "How to prevent object overwrites").
        """
        signer, expires = self._session("s3:PutObject", (key,), session_name)
        headers = {"Content-Type": content_type, "If-None-Match": "*"}
        return Link(self._signed(signer, "PUT", key, headers), expires)

    def _session(self, action: str, keys: Sequence[str], session_name: str) -> tuple[S3SigV4QueryAuth, datetime]:
        """Signs links that may only do this with these objects; and when the links expire."""
        seconds = int(self.lifetime.total_seconds())
        made = self.now()
        session = self.sts.assume_role(
            RoleArn=self.reader_role_arn,
            RoleSessionName=_NOT_IN_A_SESSION_NAME.sub("_", session_name)[:_LONGEST_SESSION_NAME],
            DurationSeconds=max(_SHORTEST_SESSION, seconds),
            Policy=self._only(action, keys),
        )["Credentials"]
        credentials = Credentials(session["AccessKeyId"], session["SecretAccessKey"], session["SessionToken"])
        signer = S3SigV4QueryAuth(credentials, "s3", self.unsigned_s3.meta.region_name, expires=seconds)
        return signer, min(made + self.lifetime, session["Expiration"].astimezone(UTC))

    def _signed(self, signer: S3SigV4QueryAuth, method: str, key: str, headers: Mapping[str, str] | None = None) -> str:
        address = self.unsigned_s3.generate_presigned_url("get_object", Params={"Bucket": self.bucket, "Key": key})
        request = AWSRequest(method, address, headers=dict(headers or {}))
        signer.add_auth(request)
        return str(request.url)

    def _only(self, action: str, keys: Sequence[str]) -> str:
        """A session policy: the session may do what both the role and this policy allow."""
        partition = self.reader_role_arn.split(":")[1]
        # In a policy, ${*} is a plain asterisk, and so on.
        plain = [_WILDCARD.sub(r"${\g<0>}", key) for key in keys]
        objects = [f"arn:{partition}:s3:::{self.bucket}/{key}" for key in plain]
        statement = {
            "Effect": "Allow",
            "Action": action,
            "Resource": objects[0] if len(objects) == 1 else objects,
        }
        return json.dumps({"Version": "2012-10-17", "Statement": [statement]}, separators=(",", ":"))
