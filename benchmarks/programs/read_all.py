"""The whole document in memory, then one put_object: what most examples do. No SHA-256, and no check."""

import boto3
import urllib3
from measured import measure

http = urllib3.PoolManager()
s3 = boto3.client("s3")


def copy(url: str, _endpoint: str) -> None:
    body = http.request("GET", url, decode_content=False).data
    s3.put_object(Bucket="bucket", Key="key", Body=body)


measure(copy)
