"""Sends notifications to EventBridge, as a partner does."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.config import Config


class EventNotPutError(Exception):
    """EventBridge did not take an event."""


@dataclass
class EventSender:
    """Puts partner events at `endpoint`, in the account that the event source is shared with.

    An emulator that reads a 12-digit access key id as the account id sees that account. Without an endpoint nothing is
    sent.
    """

    endpoint: str
    clients: dict[tuple[str, str], Any] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    async def send(self, event_bus: tuple[str, str, str], detail_type: str, detail: str) -> None:
        """Puts one event. `event_bus` is (region, account id, event source).

        Raises EventNotPutError, botocore.exceptions.ClientError or BotoCoreError.
        """
        await asyncio.to_thread(self._send, event_bus, detail_type, detail)

    def _send(self, event_bus: tuple[str, str, str], detail_type: str, detail: str) -> None:
        region, account_id, source = event_bus
        entry = {"Source": source, "DetailType": detail_type, "Detail": detail}
        answer = self._client(region, account_id).put_partner_events(Entries=[entry])
        if answer["FailedEntryCount"]:
            raise EventNotPutError(answer["Entries"][0].get("ErrorMessage", "the event was not taken"))

    def _client(self, region: str, account_id: str) -> Any:
        with self.lock:
            if (region, account_id) not in self.clients:
                self.clients[region, account_id] = boto3.client(
                    "events",
                    region_name=region,
                    endpoint_url=self.endpoint,
                    aws_access_key_id=account_id,
                    aws_secret_access_key=account_id,
                    config=Config(connect_timeout=5, read_timeout=10, retries={"total_max_attempts": 3}),
                )
            return self.clients[region, account_id]
