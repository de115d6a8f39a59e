"""Names of executions and schedules, made from ids that other systems choose."""

import hashlib
import json
import re

# Step Functions logs an execution to CloudWatch Logs only when its name has no other characters than these (AWS API
# reference, StartExecution). EventBridge Scheduler accepts them too.
_NOT_IN_A_NAME = re.compile(r"[^0-9A-Za-z_-]")
_DIGEST_LENGTH = 16


def safe_name(*parts: str, longest: int) -> str:
    """The parts, joined with hyphens, as a name of at most `longest` characters out of 0-9 A-Z a-z - and _.

    The same parts give the same name, and other parts another: a name ends in a hash of the parts when a character
    was replaced, when it was cut, or when a hyphen leaves open where a part ends.
    """
    text = "-".join(parts)
    name = _NOT_IN_A_NAME.sub("_", text)
    if name == text and len(name) <= longest and not any("-" in part for part in parts[:-1]):
        return name
    digest = digest_of(*parts)
    return f"{name[: longest - len(digest) - 1]}-{digest}"


def digest_of(*parts: str) -> str:
    """Sixteen hexadecimal digits that differ for other parts."""
    # JSON keeps the parts apart, and escapes what UTF-8 cannot encode.
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:_DIGEST_LENGTH]
