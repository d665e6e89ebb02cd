"""The deployed API against docs/openapi.yaml, by calls that are made from it: those it allows and those it does not."""

from typing import Any

import schemathesis
import yaml
from hypothesis import HealthCheck, Phase, settings
from schemathesis import Case
from schemathesis.checks import CHECKS

from tests import template
from tests.e2e.conftest import Deployment

DOCUMENT: dict[str, Any] = yaml.safe_load((template.ROOT / "docs/openapi.yaml").read_text())
CHECKED = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
]
"""Not `positive_data_acceptance`: no schema says which cursor was made, which version is stored, what time is past."""

schema = schemathesis.openapi.from_dict(DOCUMENT)


@schema.parametrize()
@settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_whatever_is_called_is_answered_as_documented(case: Case[Any], deployment: Deployment) -> None:
    checks: Any = CHECKS.get_by_names(CHECKED)
    case.call_and_validate(
        base_url=deployment.outputs["ApiUrl"],
        headers={"Authorization": f"Bearer {deployment.outputs['Token']}"},
        checks=checks,
        timeout=30,
    )
