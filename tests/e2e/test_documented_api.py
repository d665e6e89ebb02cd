"""Tests of the deployed API against docs/openapi.yaml.

The calls are generated from it: those it allows and those it does not.
"""

from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.deployment import Deployment
from tests.openapi import DOCUMENT

CHECKED = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
]
"""Without `positive_data_acceptance`: no schema can express a valid cursor, the stored version or a past time."""

PATHS: dict[str, dict[str, Any]] = DOCUMENT["paths"]
METHODS = ("get", "put", "post", "delete")
OPERATIONS = [f"{method.upper()} {path}" for path, methods in PATHS.items() for method in METHODS if method in methods]


@pytest.fixture(scope="module")
def schema() -> Any:
    """Return the API's schema. The import takes a second, which only the process that runs this file needs."""
    import schemathesis

    return schemathesis.openapi.from_dict(DOCUMENT)


@pytest.mark.parametrize("name", OPERATIONS)
def test_any_call_gets_a_documented_response(name: str, schema: Any, deployment: Deployment) -> None:
    """Call the API with generated requests.

    schemathesis' own `parametrize` gives all operations one ID, so that xdist would run only one of them.
    """
    from schemathesis import GenerationMode
    from schemathesis.checks import CHECKS

    method, path = name.split(" ")
    operation = schema[path][method]

    @given(st.one_of([operation.as_strategy(generation_mode=mode) for mode in GenerationMode]))
    @settings(
        max_examples=8,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def call(case: Any) -> None:
        checks: Any = CHECKS.get_by_names(CHECKED)
        case.call_and_validate(
            base_url=deployment.outputs["ApiUrl"],
            headers={"Authorization": f"Bearer {deployment.outputs['Token']}"},
            checks=checks,
            timeout=60,
        )

    call()
