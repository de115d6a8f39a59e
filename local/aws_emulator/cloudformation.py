"""CloudFormation: templates, nested stacks, deletion."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import yaml
from ministack.services import iam, lambda_svc, s3
from ministack.services.cloudformation import _exports, _stack_events, _stacks, engine, handlers, helpers, provisioners
from ministack.services.cloudformation.stacks import _add_event, _resource_policy

from aws_emulator.patching import require_source, wrap

STACK_HANDLERS = provisioners._RESOURCE_HANDLERS["AWS::CloudFormation::Stack"]
BUCKET_HANDLERS = provisioners._RESOURCE_HANDLERS["AWS::S3::Bucket"]
FUNCTION_HANDLERS = provisioners._RESOURCE_HANDLERS["AWS::Lambda::Function"]
ROLE_HANDLERS = provisioners._RESOURCE_HANDLERS["AWS::IAM::Role"]
LAYER_HANDLERS = provisioners._RESOURCE_HANDLERS["AWS::Lambda::LayerVersion"]
VIRTUAL_HOST = re.compile(r"(?P<bucket>[a-z0-9.-]+?)\.s3[.-](?:[a-z0-9-]+\.)?amazonaws\.com(?:\.cn)?")


def templates_are_read_by_libyaml() -> None:
    """Reading a template takes a tenth of the time; ministack reads it in Python, for each deployment and for each
    GetTemplate."""
    plain = engine.CfnLoader
    require_source("CfnLoader", inspect.getsource(plain), "4bc1037a0ca6")

    class Loader(yaml.CSafeLoader):
        yaml_constructors = plain.yaml_constructors

    engine.CfnLoader = Loader


def template_urls_may_name_the_bucket_in_the_host() -> None:
    """A TemplateURL may have the form https://bucket.s3.region.amazonaws.com/key; ministack uses the first part of the
    path as the bucket."""

    @wrap(helpers, "_resolve_document", "9ad9addb675b")
    def resolve(original: Any, parameters: dict[str, Any], body_key: str, url_key: str, label: str) -> Any:
        url = urlsplit(helpers._p(parameters, url_key) or "")
        host = VIRTUAL_HOST.fullmatch(url.hostname or "")
        if host:
            parameters = {**parameters, url_key: [f"https://s3.amazonaws.com/{host['bucket']}{url.path}"]}
        return original(parameters, body_key, url_key, label)


def child_templates_are_transformed() -> None:
    """CloudFormation applies the SAM transform in a nested stack's template; ministack applies it in the root only."""

    @wrap(provisioners, "_check_nested_stack_capabilities", "1b0566cd9f40")
    def check_and_transform(original: Any, parent: str, template: dict[str, Any]) -> None:
        original(parent, template)
        transformed = engine._apply_transforms(template)
        if transformed is not template:
            template.clear()
            template.update(transformed)


def unchanged_resources_of_children_keep_their_attributes() -> None:
    """Fn::GetAtt of a resource that an update did not change keeps its value; in a child stack, ministack loses the
    attributes."""

    @wrap(provisioners, "_update_resource", "21b9b1207f59")
    def update(
        original: Any,
        resource_type: str,
        physical_id: str,
        old: dict[str, Any],
        new: dict[str, Any],
        stack: str,
        logical_id: str = "",
        attributes: dict[str, Any] | None = None,
    ) -> Any:
        if attributes is None:
            attributes = (_stacks.get(stack) or {}).get("_resources", {}).get(logical_id, {}).get("Attributes")
        return original(resource_type, physical_id, old, new, stack, logical_id, attributes)


def generated_names_do_not_depend_on_earlier_resources() -> None:
    """A generated name does not change on update; in a child stack, ministack also uses the random part of a bucket's
    name in the names of the resources created after it, so the first update replaces them."""

    @wrap(provisioners, "_provision_resource", "3b8f01fb1871")
    def provision(original: Any, *arguments: Any) -> Any:
        token = provisioners._NAME_SEED.set("")
        try:
            return original(*arguments)
        finally:
            provisioners._NAME_SEED.reset(token)


def failed_child_leaves_nothing_behind() -> None:
    """A nested stack whose creation fails is rolled back; ministack leaves its resources behind."""

    @wrap(STACK_HANDLERS, "create", "195e0ad09299")
    def create(original: Any, logical_id: str, properties: dict[str, Any], parent: str) -> Any:
        before = set(_stacks)
        try:
            return original(logical_id, properties, parent)
        except Exception:
            children = [name for name in set(_stacks) - before if _stacks[name].get("_parent_stack_name") == parent]
            for child in children:
                _delete_nested_stack(child)
            raise


def children_are_deleted_as_their_templates_say() -> None:
    """Deleting a nested stack follows the DeletionPolicy of each resource, and fails when a resource cannot be deleted;
    ministack deletes everything, and reports a failed deletion as complete."""

    @wrap(STACK_HANDLERS, "delete", "7770365b9f05")
    def delete(_original: Any, physical_id: str, _properties: dict[str, Any]) -> None:
        name = provisioners._nested_stack_lookup_name(physical_id)
        if name in _stacks:
            _delete_nested_stack(name)


def deleted_resources_are_listed() -> None:
    """A deleted stack (by its id), or one whose deletion failed, still lists its deleted resources with their last
    status; ministack does not."""

    @wrap(handlers._ACTION_HANDLERS, "ListStackResources", "8e2a2b6d6163")
    def list_resources(original: Any, parameters: dict[str, Any]) -> Any:
        stack = handlers._resolve_stack(helpers._p(parameters, "StackName"))
        if not stack or not stack["StackStatus"].startswith("DELETE_"):
            return original(parameters)
        held = stack["_resources"]
        ended = {
            event["LogicalResourceId"]: event
            for event in _stack_events.get(stack["StackId"], [])
            if event["PhysicalResourceId"] != stack["StackId"]
        }
        stack["_resources"] = {**ended, **held}
        try:
            return original(parameters)
        finally:
            stack["_resources"] = held


def nested_stacks_name_their_root() -> None:
    """ListStacks returns the root id of each nested stack; ministack does not."""

    @wrap(handlers._ACTION_HANDLERS, "ListStacks", "aa7338acb3a2")
    def list_stacks(original: Any, parameters: dict[str, Any]) -> Any:
        status, headers, body = original(parameters)
        text = body.decode()
        for stack in _stacks.values():
            root = stack
            while root.get("_parent_stack_name") in _stacks:
                root = _stacks[root["_parent_stack_name"]]
            if root is not stack:
                own = f"<StackId>{stack['StackId']}</StackId>"
                text = text.replace(own, f"{own}<RootId>{root['StackId']}</RootId>")
        return status, headers, text.encode()


def full_buckets_are_not_deleted() -> None:
    """CloudFormation does not delete a bucket that contains an object, a version or a delete marker; ministack does."""

    @wrap(BUCKET_HANDLERS, "delete", "52bcaf59bd5b")
    def delete(original: Any, bucket: str, properties: dict[str, Any]) -> None:
        if (s3._buckets.get(bucket) or {}).get("objects") or s3._bucket_has_versions(bucket):
            raise ValueError("The bucket you tried to delete is not empty. You must delete all versions in the bucket.")
        original(bucket, properties)


def missing_code_fails_the_stack() -> None:
    """A function or a layer whose S3 object does not exist cannot be created; ministack creates a function with a
    canned response, and an empty layer."""

    def require(location: dict[str, Any]) -> None:
        bucket, key = location.get("S3Bucket"), location.get("S3Key")
        if bucket and key and s3._get_object_data(bucket, key) is None:
            raise ValueError(
                "Error occurred while GetObject. S3 Error Code: NoSuchKey. S3 Error Message: The specified key does "
                f"not exist. ({bucket}/{key})"
            )

    @wrap(FUNCTION_HANDLERS, "create", "8b2cf80e961d")
    def create_function(original: Any, logical_id: str, properties: dict[str, Any], stack: str) -> Any:
        require(properties.get("Code", {}))
        return original(logical_id, properties, stack)

    @wrap(FUNCTION_HANDLERS, "update", "4855410e37d7")
    def update_function(original: Any, name: str, old: dict[str, Any], new: dict[str, Any], *context: Any) -> Any:
        require(new.get("Code", {}))
        return original(name, old, new, *context)

    @wrap(LAYER_HANDLERS, "create", "639c4135e028")
    def create_layer(original: Any, logical_id: str, properties: dict[str, Any], stack: str) -> Any:
        require(properties.get("Content", {}))
        return original(logical_id, properties, stack)


def functions_get_their_dead_letter_queue() -> None:
    """A function has the DeadLetterConfig of its template; ministack ignores it."""

    def configure(name: str, properties: dict[str, Any]) -> None:
        configuration = lambda_svc._functions[name]["config"]
        configuration.pop("DeadLetterConfig", None)
        if "DeadLetterConfig" in properties:
            configuration["DeadLetterConfig"] = properties["DeadLetterConfig"]

    @wrap(FUNCTION_HANDLERS, "create", "8b2cf80e961d")
    def create(original: Any, logical_id: str, properties: dict[str, Any], stack: str) -> Any:
        name, attributes = original(logical_id, properties, stack)
        configure(name, properties)
        return name, attributes

    @wrap(FUNCTION_HANDLERS, "update", "4855410e37d7")
    def update(original: Any, name: str, old: dict[str, Any], new: dict[str, Any], *context: Any) -> Any:
        name, attributes = original(name, old, new, *context)
        configure(name, new)
        return name, attributes


def roles_get_their_permissions_boundary() -> None:
    """A role has the PermissionsBoundary of its template, also after an update changes or removes it, and the boundary
    must exist; ministack ignores the property, although it enforces boundaries that are set."""

    @wrap(ROLE_HANDLERS, "create", "2d7e3d8ec507")
    def create(original: Any, logical_id: str, properties: dict[str, Any], stack: str) -> Any:
        name, attributes = original(logical_id, properties, stack)
        try:
            _set_boundary(name, properties)
        except ValueError:
            provisioners._iam_role_delete(name, properties)
            raise
        return name, attributes

    @wrap(ROLE_HANDLERS, "update", "4f4039080dc1")
    def update(original: Any, physical_id: str, old: dict[str, Any], new: dict[str, Any], *context: Any) -> Any:
        name, attributes = original(physical_id, old, new, *context)
        _set_boundary(name, new)
        return name, attributes


def _set_boundary(role: str, properties: dict[str, Any]) -> None:
    boundary = properties.get("PermissionsBoundary")
    if boundary:
        status, _, body = iam._put_role_permissions_boundary({"RoleName": [role], "PermissionsBoundary": [boundary]})
        if status != 200:
            raise ValueError(body.decode())
    else:
        iam._roles[role]["PermissionsBoundary"] = ""


def _delete_nested_stack(name: str) -> None:
    """Deletes a nested stack's resources, dependents first. Raises ValueError if one of them cannot be deleted."""
    stack = _stacks[name]
    template = stack["_template"]
    keep = ("Retain",) if _is_being_created(stack) else provisioners._RETAINING_POLICIES
    resources = stack["_resources"]
    failures = {}
    for logical_id in _deletion_order(stack):
        resource = resources[logical_id]
        kind, physical_id = resource["ResourceType"], resource["PhysicalResourceId"]
        policy = _resource_policy(
            template["Resources"].get(logical_id),
            "DeletionPolicy",
            resources,
            stack["_resolved_params"],
            stack["_conditions"],
            template.get("Mappings", {}),
            name,
            stack["StackId"],
        )
        if policy in keep:
            event, reason = "DELETE_SKIPPED", ""
        else:
            event, reason = _delete_resource(resource, name, logical_id)
        _add_event(stack["StackId"], name, logical_id, kind, event, reason, physical_id)
        if event == "DELETE_FAILED":
            failures[logical_id] = reason
        else:
            del resources[logical_id]
    if failures:
        stack["StackStatus"] = "DELETE_FAILED"
        stack["StackStatusReason"] = f"The following resource(s) failed to delete: [{', '.join(sorted(failures))}]. "
        raise ValueError(f"{stack['StackStatusReason']}{' '.join(failures.values())}")
    for output in stack.get("Outputs", []):
        _exports.pop(output.get("ExportName"), None)
    stack["StackStatus"] = "DELETE_COMPLETE"


def _delete_resource(resource: dict[str, Any], stack: str, logical_id: str) -> tuple[str, str]:
    """The final event of the deletion, and its reason."""
    try:
        provisioners._delete_resource(
            resource["ResourceType"], resource["PhysicalResourceId"], resource.get("Properties", {}), stack, logical_id
        )
    except Exception as error:  # noqa: BLE001 - any error of a service is DELETE_FAILED
        return "DELETE_FAILED", str(error)
    return "DELETE_COMPLETE", ""


def _deletion_order(stack: dict[str, Any]) -> Iterator[str]:
    """The logical ids of the resources that exist, dependents first."""
    created = engine._topological_sort(stack["_template"]["Resources"], stack["_conditions"])
    resources = stack["_resources"]
    yield from [logical_id for logical_id in resources if logical_id not in created]
    yield from [logical_id for logical_id in reversed(created) if logical_id in resources]


def _is_being_created(stack: dict[str, Any] | None) -> bool:
    """Whether the stack, or a stack around it, is being created (for RetainExceptOnCreate)."""
    while stack:
        if stack["StackStatus"].startswith(("CREATE_IN_PROGRESS", "CREATE_FAILED", "ROLLBACK_")):
            return True
        stack = _stacks.get(stack.get("_parent_stack_name"))
    return False
