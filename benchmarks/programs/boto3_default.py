"""What boto3's documentation shows: upload_fileobj of the response. No SHA-256, and no check of gzip data."""

import boto3
import urllib3
from measured import measure

http = urllib3.PoolManager()
s3 = boto3.client("s3")


def copy(url: str, _endpoint: str) -> None:
    response = http.request("GET", url, preload_content=False, decode_content=False)
    s3.upload_fileobj(response, "bucket", "key")
    response.release_conn()


measure(copy)
