"""The name and region of the stack that a function belongs to, for e-mails to its operator."""

from dataclasses import dataclass

from quickstart import settings


@dataclass(frozen=True)
class OwnStack:
    """The root stack. `name` is the one that the operator's commands take."""

    name: str
    region: str

    def command(self, target: str, arguments: str = "") -> str:
        """A command of docs/operations.md, ready to be copied."""
        return f"make {target} STACK={self.name} REGION={self.region}{arguments and f' {arguments}'}"


def own_stack() -> OwnStack:
    """From the setting STACK_NAME, and Lambda's own AWS_REGION."""
    return OwnStack(settings.required("STACK_NAME"), settings.required("AWS_REGION"))
