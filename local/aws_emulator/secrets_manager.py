"""Secrets Manager: versions of a secret and their staging labels."""

from __future__ import annotations

import uuid
from typing import Any

from ministack.core.responses import error_response_json, json_response
from ministack.services import secretsmanager
from ministack.services.cloudformation import provisioners

from aws_emulator.patching import wrap

SECRET_HANDLERS = provisioners._RESOURCE_HANDLERS["AWS::SecretsManager::Secret"]


def secret_versions_are_written_once() -> None:
    """PutSecretValue with the ClientRequestToken of an existing version does nothing if the value is the same and fails
    if it is another; the first version of a secret always becomes AWSCURRENT; a staging label is attached to one
    version and moves (API reference, PutSecretValue). ministack writes the version again, without the labels that it
    had, and attaches a label to several versions."""

    @wrap(secretsmanager, "_put_secret_value", "d09b0557e169")
    def put(original: Any, data: dict[str, Any]) -> Any:
        _, secret = secretsmanager._resolve(data.get("SecretId"))
        if not secret or secret.get("DeletedDate"):
            return original(data)
        version_id = data.get("ClientRequestToken") or str(uuid.uuid4())
        existing = secret["Versions"].get(version_id)
        if existing is not None:
            return _repeated(secret, version_id, existing, data)
        stages = set(data.get("VersionStages") or ["AWSCURRENT"])
        if not secret["Versions"]:
            stages.add("AWSCURRENT")
        for stage in stages - {"AWSCURRENT"}:
            secretsmanager._remove_stage_everywhere(secret, stage)
        original({**data, "ClientRequestToken": version_id, "VersionStages": sorted(stages)})
        secret["Versions"][version_id]["Stages"] = sorted(stages)
        return _written(secret, version_id)


def empty_secrets_have_no_version() -> None:
    """A template's secret with neither SecretString nor GenerateSecretString is empty: GetSecretValue finds no version
    (AWS::SecretsManager::Secret, SecretString). ministack stores an empty string as AWSCURRENT."""

    @wrap(SECRET_HANDLERS, "create", "0bae0110fce2")
    def create(original: Any, logical_id: str, properties: dict[str, Any], stack: str) -> Any:
        name, attributes = original(logical_id, properties, stack)
        if "SecretString" not in properties and "GenerateSecretString" not in properties:
            secretsmanager._secrets[name]["Versions"].clear()
        return name, attributes


def _repeated(secret: dict[str, Any], version_id: str, version: dict[str, Any], data: dict[str, Any]) -> Any:
    values = ("SecretString", "SecretBinary")
    if any(version.get(name) != data.get(name) for name in values):
        message = "You can't modify an existing secret version. The ClientRequestToken is in use for another value."
        return error_response_json("ResourceExistsException", message, 400)
    return _written(secret, version_id)


def _written(secret: dict[str, Any], version_id: str) -> Any:
    stages = list(secret["Versions"][version_id]["Stages"])
    return json_response(
        {
            "ARN": secret["ARN"],
            "Name": secret["Name"],
            "VersionId": version_id,
            "VersionStages": stages,
        }
    )
