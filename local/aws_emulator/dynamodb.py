"""DynamoDB."""

from __future__ import annotations

from typing import Any

from ministack.services import dynamodb
from ministack.services.cloudformation import provisioners

from aws_emulator.patching import wrap

TABLE_HANDLERS = provisioners._RESOURCE_HANDLERS["AWS::DynamoDB::Table"]


def tables_get_their_time_to_live() -> None:
    """CloudFormation applies a table's TimeToLiveSpecification; ministack ignores it on create and on update."""

    def apply(table: str, properties: dict[str, Any]) -> None:
        if specification := properties.get("TimeToLiveSpecification"):
            status, _headers, body = dynamodb._update_ttl(
                {"TableName": table, "TimeToLiveSpecification": specification}
            )
            if status != 200:
                raise ValueError(f"AWS::DynamoDB::Table TimeToLiveSpecification failed: {body!r}")

    @wrap(TABLE_HANDLERS, "create", "277586e016c6")
    def create(original: Any, logical_id: str, properties: dict[str, Any], stack: str) -> Any:
        table, attributes = original(logical_id, properties, stack)
        apply(table, properties)
        return table, attributes

    @wrap(TABLE_HANDLERS, "update", "0665980ffdd0")
    def update(original: Any, table: str, old: dict[str, Any], new: dict[str, Any], *context: Any) -> Any:
        table, attributes = original(table, old, new, *context)
        apply(table, new)
        return table, attributes
