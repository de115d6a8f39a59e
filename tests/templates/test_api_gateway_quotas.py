"""API Gateway creates one REST API in 3 seconds, deploys one in 5 and deletes one in 30, for a whole account.

CloudFormation creates and deletes in parallel what does not depend on one another, so the stacks with REST APIs form a
chain. The emulator has no such quotas.
"""

from collections.abc import Iterator
from itertools import combinations, pairwise

from tests.templates.reading import ROOT, Resource, Template, listed, names_used, resources
from tests.templates.test_resources import children

Templates = dict[str, Template]

LIMITED = ("AWS::ApiGateway::RestApi", "AWS::ApiGateway::Deployment")


def needed(resource: Resource, present: set[str]) -> set[str]:
    """What CloudFormation creates before this resource and deletes after it, and is in the stack."""
    definition = resource.definition
    return ({*listed(definition.get("DependsOn", [])), *names_used(definition.get("Properties", {}))}) & present


def before(name: str, dependencies: dict[str, set[str]]) -> set[str]:
    """All that comes before the resource, through others as well."""
    found: set[str] = set()
    waiting = {name}
    while waiting:
        waiting = {needed for one in waiting for needed in dependencies[one]} - found
        found |= waiting
    return found


def selections(root: list[Resource]) -> Iterator[set[str]]:
    """The children of the root for each choice of what is optional."""
    optional = [child.name for child in root if "Condition" in child.definition]
    for count in range(len(optional) + 1):
        for left_out in combinations(optional, count):
            # Files of listings need listings.
            if "Listings" not in left_out or "ListingFeeds" in left_out:
                yield {child.name for child in root} - set(left_out)


def test_stacks_with_rest_apis_come_one_after_the_other(templates: Templates) -> None:
    with_api = {
        child.name for name, child in children(templates).items() if resources({name: templates[name]}, LIMITED[0])
    }
    assert {"TokenStorage", "Notifications", "Reports"} <= with_api
    root = resources({ROOT: templates[ROOT]})
    for present in selections(root):
        dependencies = {child.name: needed(child, present) for child in root if child.name in present}
        ordered = sorted(with_api & present, key=lambda name: len(before(name, dependencies)))
        for earlier, later in pairwise(ordered):
            assert earlier in before(later, dependencies), f"{earlier} and {later} are created and deleted in parallel"


def test_a_stack_has_one_rest_api_and_deploys_it_once(templates: Templates) -> None:
    for name, template in templates.items():
        for kind in LIMITED:
            assert len(resources({name: template}, kind)) <= 1, (name, kind)
