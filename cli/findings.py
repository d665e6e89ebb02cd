"""A check's finding, and the stack as the checks read it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import cached_property
from typing import Any, Final, NamedTuple

from cli.stack import Stack


class Status(StrEnum):
    """The outcome of a check."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    UNKNOWN = "unknown"


MARKS: Final = {Status.OK: "✓", Status.WARNING: "!", Status.FAILED: "✗", Status.UNKNOWN: "–"}  # noqa: RUF001 - as designed

ASCII_MARKS: Final = {Status.OK: "+", Status.WARNING: "!", Status.FAILED: "x", Status.UNKNOWN: "-"}


class Finding(NamedTuple):
    """The result of a check, and what to do about it.

    Both are sentences and commands, one per line.
    """

    status: Status
    found: str
    advice: str = ""


class MissingResource(Exception):
    """The stack has no resource with this logical ID."""


@dataclass(frozen=True)
class CheckedStack:
    """A stack with its description and resources, each read once.

    Raises what boto3 raises.
    """

    stack: Stack
    now: datetime

    @classmethod
    def of(cls, stack: Stack) -> "CheckedStack":
        return cls(stack, datetime.now(UTC))

    @property
    def name(self) -> str:
        return self.stack.name

    @property
    def outputs(self) -> Mapping[str, str]:
        return self.stack.outputs

    @property
    def is_local(self) -> bool:
        return self.stack.is_local

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
        """Whether the stack runs on the local AWS.

        The local AWS accepts many settings without applying them.
        """
        return self.stack.is_local or self.stage == "local"

    @cached_property
    def _resources(self) -> Mapping[str, tuple[str, str]]:
        pages = self.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=self.stack.name)
        return {
            each["LogicalResourceId"]: (each["ResourceType"], each.get("PhysicalResourceId", ""))
            for page in pages
            for each in page["StackResourceSummaries"]
        }

    def ids_of_type(self, kind: str) -> dict[str, str]:
        """Map the logical to the physical ID of each resource of a type."""
        return {name: physical for name, (found, physical) in sorted(self._resources.items()) if found == kind}

    def physical_id(self, logical: str) -> str:
        """Return a resource's physical ID. Raises MissingResource."""
        if logical not in self._resources:
            raise MissingResource(logical)
        return self._resources[logical][1]
