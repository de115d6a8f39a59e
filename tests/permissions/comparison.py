"""Compares what the roles of the templates allow with what was used while the end-to-end tests ran."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from tests.templates.reading import Template, listed, rendered, resources, statements


@dataclass(frozen=True, order=True)
class Permission:
    """`role` is the role's name in its template. In `resource`, ${Name} is a resource of a stack."""

    role: str
    action: str
    resource: str = "*"


@dataclass(frozen=True)
class Recording:
    """What the policies of deployed roles allowed, what requests used of it, and what they were refused."""

    granted: frozenset[Permission] = frozenset()
    used: frozenset[Permission] = frozenset()
    refused: frozenset[Permission] = frozenset()


@dataclass(frozen=True)
class Exemption:
    """A permission that no local call uses, or a refusal that a test provokes. Roles and resource are patterns."""

    actions: tuple[str, ...]
    reason: str
    roles: tuple[str, ...] = ("*",)
    resource: str = "*"

    def covers(self, permission: Permission) -> bool:
        return (
            permission.action in self.actions
            and any(fnmatchcase(permission.role, role) for role in self.roles)
            and fnmatchcase(permission.resource, self.resource)
        )


@dataclass(frozen=True)
class Comparison:
    """`rows` has every permission and what became of it: `used`, an exemption's reason, or UNUSED."""

    rows: dict[Permission, str] = field(default_factory=dict)
    missing: tuple[Permission, ...] = ()
    needless: tuple[Exemption, ...] = ()

    @property
    def unused(self) -> list[Permission]:
        return [permission for permission, found in self.rows.items() if found == UNUSED]

    def problems(self) -> list[str]:
        """One sentence for each difference. Empty if policies and use agree."""
        return [
            *(
                f"{each.role} may call {each.action} on {each.resource}, but no call used it: remove it, or add an "
                "exemption with its reason to tests/permissions/exemptions.py"
                for each in self.unused
            ),
            *(f"{each.role} called {each.action}, and no policy of the role has this action" for each in self.missing),
            *(
                f"the exemption for {', '.join(each.actions)} of {', '.join(each.roles)} is not needed: remove it"
                for each in self.needless
            ),
        ]


UNUSED = "NOT USED"
USED = "used"


def read_recording(lines: Iterable[str]) -> Recording:
    """Reads the lines of permission logs."""
    found: dict[str, set[Permission]] = {"granted": set(), "used": set(), "refused": set()}
    for line in lines:
        entry = json.loads(line)
        found[entry["what"]].add(Permission(entry["role"], entry["action"], entry["resource"]))
    return Recording(**{what: frozenset(permissions) for what, permissions in found.items()})


def in_templates(templates: dict[str, Template]) -> set[tuple[str, str]]:
    """Each role and action that the templates allow under any condition."""
    allowed = set()
    for resource in resources(templates, "AWS::IAM::Role", "AWS::IAM::Policy"):
        is_role = resource.type == "AWS::IAM::Role"
        names = [resource.name] if is_role else [rendered(role) for role in resource.properties.get("Roles", [])]
        for statement in statements(resource):
            allowed |= {(name, action) for name in names for action in listed(statement["Action"])}
    return allowed


def compare(
    recording: Recording,
    allowed: set[tuple[str, str]],
    exemptions: Iterable[Exemption],
    complete: bool = True,
    provoked: Iterable[Exemption] = (),
) -> Comparison:
    """Compares a recording with the roles and actions of the templates.

    A recording of some of the tests only (`complete` is False) can show a missing permission, but not an unused one.
    `provoked` has the refusals that tests bring about.
    """
    provoked = tuple(provoked)
    refused = {each for each in recording.refused if (each.role, each.action) not in allowed}
    missing = {
        Permission(each.role, each.action)
        for each in refused
        if not any(exemption.covers(each) for exemption in provoked)
    }
    if not complete:
        return Comparison(missing=tuple(sorted(missing)))
    # An update test deploys older templates too: what they allowed is of no interest.
    granted = {each for each in recording.granted if (each.role, each.action) in allowed}
    deployed = {(each.role, each.action) for each in granted}
    granted |= {Permission(role, action) for role, action in allowed - deployed}
    exemptions = tuple(exemptions)
    rows = {}
    for permission in sorted(granted):
        reason = next((exemption.reason for exemption in exemptions if exemption.covers(permission)), UNUSED)
        rows[permission] = USED if permission in recording.used else reason
    # An error path may be used by chance. An exemption is needless only when its permission is gone.
    needless = tuple(each for each in exemptions if not any(each.covers(permission) for permission in granted))
    needless += tuple(each for each in provoked if not any(each.covers(permission) for permission in refused))
    return Comparison(rows, tuple(sorted(missing)), needless)
