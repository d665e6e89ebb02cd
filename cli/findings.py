"""What a check of a stack finds, and the stack as the checks see it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import cached_property
from typing import Any, Final, NamedTuple

from cli.stack import Stack


class Status(StrEnum):
    """In the order in which they matter least."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    UNKNOWN = "unknown"


MARKS: Final = {Status.OK: "✓", Status.WARNING: "!", Status.FAILED: "✗", Status.UNKNOWN: "–"}  # noqa: RUF001 - as designed


class Finding(NamedTuple):
    """What is so, and what to do about it: a sentence, or a command."""

    status: Status
    found: str
    advice: str = ""


class Missing(Exception):
    """The stack has no such resource."""


@dataclass(frozen=True)
class Subject:
    """A stack that is checked; each thing is asked for once. Raises what boto3 raises."""

    stack: Stack
    now: datetime

    @classmethod
    def of(cls, stack: Stack) -> "Subject":
        return cls(stack, datetime.now(UTC))

    def client(self, service: str) -> Any:
        return self.stack.client(service)

    @cached_property
    def description(self) -> Mapping[str, Any]:
        (found,) = self.client("cloudformation").describe_stacks(StackName=self.stack.name)["Stacks"]
        return dict(found)

    @cached_property
    def parameters(self) -> Mapping[str, str]:
        return {each["ParameterKey"]: each["ParameterValue"] for each in self.description.get("Parameters", [])}

    @property
    def stage(self) -> str:
        return self.parameters.get("Stage", "development")

    @property
    def is_emulated(self) -> bool:
        """Whether it runs on the local AWS, which takes many settings and does nothing with them."""
        return self.stack.is_local or self.stage == "local"

    @cached_property
    def _resources(self) -> Mapping[str, tuple[str, str]]:
        pages = self.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=self.stack.name)
        return {
            each["LogicalResourceId"]: (each["ResourceType"], each.get("PhysicalResourceId", ""))
            for page in pages
            for each in page["StackResourceSummaries"]
        }

    def of_type(self, kind: str) -> dict[str, str]:
        """The logical and the physical id of each resource of a type."""
        return {name: physical for name, (found, physical) in sorted(self._resources.items()) if found == kind}

    def physical(self, logical: str) -> str:
        """A resource's physical id. Raises Missing."""
        if logical not in self._resources:
            raise Missing(logical)
        return self._resources[logical][1]
