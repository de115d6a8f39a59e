"""Sends notifications to SQS queues with the identity of SP-API's own AWS account."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.config import Config

SP_API_ACCOUNT = "437568002678"
"""The AWS account that SP-API sends from (SP-API docs, "Set up notifications with Amazon SQS")."""


@dataclass
class QueueSender:
    """Sends through the SQS endpoint at `endpoint`.

    An emulator that reads a 12-digit access key id as the account id sees SP-API's account. Without an endpoint
    nothing is sent.
    """

    endpoint: str
    clients: dict[str, Any] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    async def send(self, queue_arn: str, body: str) -> None:
        """Sends one message. Raises botocore.exceptions.ClientError or BotoCoreError if the queue refuses it."""
        await asyncio.to_thread(self._send, queue_arn, body)

    def _send(self, queue_arn: str, body: str) -> None:
        _, _, _, region, account, name = queue_arn.split(":", 5)
        self._client(region).send_message(QueueUrl=f"{self.endpoint}/{account}/{name}", MessageBody=body)

    def _client(self, region: str) -> Any:
        with self.lock:
            if region not in self.clients:
                self.clients[region] = boto3.client(
                    "sqs",
                    region_name=region,
                    endpoint_url=self.endpoint,
                    aws_access_key_id=SP_API_ACCOUNT,
                    aws_secret_access_key=SP_API_ACCOUNT,
                    config=Config(connect_timeout=5, read_timeout=10, retries={"total_max_attempts": 3}),
                )
            return self.clients[region]
