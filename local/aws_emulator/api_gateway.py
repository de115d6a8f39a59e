"""API Gateway."""

from __future__ import annotations

from typing import Any

from ministack.services import apigateway_v1
from ministack.services.cloudformation import provisioners

from aws_emulator.patching import wrap

CUSTOM_ID_TAG = "ms-custom-id"  # ministack gives an API the id in this tag
# What an import of a definition makes anew, but a change of the definition leaves as it is.
KEPT = (
    apigateway_v1._stages_v1,
    apigateway_v1._deployments_v1,
    apigateway_v1._deployed_gateway_responses,
)


def changed_definition_keeps_the_api() -> None:
    """CloudFormation imports a changed Body into the same REST API: its id and URL stay. ministack makes a new API."""

    @wrap(provisioners._RESOURCE_HANDLERS["AWS::ApiGateway::RestApi"], "update", "9dee2ef4d951")
    def update(
        original: Any, api_id: str, old: dict[str, Any], new: dict[str, Any], stack: str, logical_id: str = ""
    ) -> Any:
        if new.get("Body") == old.get("Body"):
            return original(api_id, old, new, stack, logical_id)
        kept = [(records, records[api_id]) for records in KEPT if api_id in records]
        properties = {**new, "Tags": [*new.get("Tags", []), {"Key": CUSTOM_ID_TAG, "Value": api_id}]}
        apigateway_v1._delete_rest_api(api_id)
        made = provisioners._apigw_rest_api_create(logical_id or api_id, properties, stack)
        apigateway_v1._rest_apis[api_id]["tags"].pop(CUSTOM_ID_TAG)
        for records, record in kept:
            records[api_id] = record
        return made
