"""The saved query *faults*, applied to lines of our logger and of Lambda."""

import json
import re
from typing import Any

import pytest

from tests import template

QUERY = template.resources("AWS::Logs::QueryDefinition")["FaultsOfOurs"]
AT = "2026-11-28T11:15:42.865Z"
REQUEST = "3f1c8a52-0d7e-4c58-9b6a-2f6f0c1f9a11"
REPORT = (
    f"REPORT RequestId: {REQUEST}\tDuration: 812.31 ms\tBilled Duration: 813 ms"
    "\tMemory Size: 512 MB\tMax Memory Used: 143 MB"
)
TRACEBACK = "Traceback (most recent call last):\r\u00a0\u00a0File …"


def platform_line(kind: str, **record: Any) -> str:
    """Return a platform line of Lambda in the log format JSON."""
    return json.dumps({"time": AT, "type": f"platform.{kind}", "record": {"requestId": REQUEST, **record}})


def logger_line(level: str, message: str, **fields: Any) -> str:
    return json.dumps({"level": level, "message": message, "service": "hooklog", **fields}, separators=(",", ":"))


FAULTS = [
    "[ERROR] Runtime.ImportModuleError: Unable to import module 'app': No module named 'hooklog'\r" + TRACEBACK,
    "[ERROR] Runtime.HandlerNotFound: Handler 'lambda_handler' missing on module 'app'\r" + TRACEBACK,
    "[ERROR] Runtime.UserCodeSyntaxError: Syntax error in module 'app'",
    "[ERROR] InvalidSetting: QUEUE_URL is missing\r" + TRACEBACK,
    "[ERROR] KeyError: 'messageId'\r" + TRACEBACK,
    f"{AT} {REQUEST} Task timed out after 60.06 seconds\n",
    f"RequestId: {REQUEST} Error: Runtime exited with error: signal: killed\nRuntime.ExitError",
    f"RequestId: {REQUEST} Error: Runtime exited without providing a reason\nRuntime.ExitError",
    f"RequestId: {REQUEST} Process exited before completing request: signal: killed",
    "INIT_REPORT Init Duration: 10008.61 ms\tPhase: init\tStatus: timeout",
    "INIT_REPORT Init Duration: 812.20 ms\tPhase: init\tStatus: error\tError Type: Runtime.ImportModuleError",
    f"{REPORT}\tStatus: timeout",
    f"{REPORT}\tStatus: error\tError Type: Runtime.OutOfMemory",
    f"{REPORT}\tStatus: error\tError Type: Runtime.ExitError",
    '{"timestamp": "' + AT + '", "log_level": "ERROR", "errorType": "Runtime.ImportModuleError", "stackTrace": []}',
    '{"timestamp":"' + AT + '","log_level":"ERROR","errorMessage":"QUEUE_URL is missing","errorType":"InvalidSetting"}',
    platform_line("initReport", phase="init", status="error", errorType="Runtime.ImportModuleError"),
    platform_line("report", status="timeout", metrics={"durationMs": 60000.0}),
    platform_line("report", status="error", errorType="Runtime.OutOfMemory"),
    platform_line("runtimeDone", status="failure"),
    logger_line("ERROR", "message returned to the queue", cause="NotQueued"),
    logger_line("WARNING", "log writes are pending", items=3, cause="ThrottlingException"),
    logger_line("CRITICAL", "anything"),
]  # fmt: skip
ORDINARY = [
    "INIT_START Runtime Version: python:3.13.v42\tRuntime Version ARN: arn:aws:lambda:us-east-1::runtime:0eade2",
    f"START RequestId: {REQUEST} Version: $LATEST",
    f"END RequestId: {REQUEST}",
    REPORT,
    f"{REPORT}\tInit Duration: 412.77 ms",
    logger_line("INFO", "batch", delivered=1, failed=1),
    logger_line(
        "INFO", "failed execution", webhook_id="acme.orders", result=0, status_class=None, error_type="read_timeout"
    ),
    logger_line(
        "INFO", "failed execution", webhook_id="Runtime.ExitError", result=500, status_class="5xx", error_type=None
    ),
    '{"_aws":{"Timestamp":1795864542865},"service":"hooklog","Faults":[1.0]}',
    platform_line("start", version="$LATEST"),
    platform_line("report", status="success", metrics={"durationMs": 812.31}),
    platform_line("runtimeDone", status="success"),
]


def finds(line: str) -> bool:
    """Return whether Logs Insights would find a line.

    It filters by fields of the JSON and by regular expressions on the whole line.
    """
    try:
        fields = json.loads(line)
    except ValueError:
        fields = {}
    (condition,) = re.findall(r"\| filter (.+?)\n\|", QUERY["QueryString"], re.DOTALL)
    return any(_holds(clause.strip(), line, fields) for clause in condition.split("\n"))


def _holds(clause: str, line: str, fields: dict[str, Any]) -> bool:
    clause = clause.removeprefix("or ")
    if listed := re.fullmatch(r"(\w+) in (\[.+\])", clause):
        return fields.get(listed[1]) in json.loads(listed[2])
    matched = re.fullmatch(r"@message like /(.+)/", clause)
    assert matched, clause
    return bool(re.search(matched[1], line))


@pytest.mark.parametrize("line", FAULTS)
def test_a_fault_is_found_whichever_component_logged_it(line: str) -> None:
    assert finds(line)


@pytest.mark.parametrize("line", ORDINARY)
def test_lines_that_are_not_our_fault_are_excluded(line: str) -> None:
    assert not finds(line)


def test_every_function_is_queried_except_the_authorizer() -> None:
    groups = [{"Ref": properties["LoggingConfig"]["LogGroup"]["Ref"]} for properties in template.functions().values()]
    assert template.default(QUERY["LogGroupNames"]) == [group for group in groups if group != {"Ref": "AuthorizeLogs"}]
    assert "@message" in QUERY["QueryString"].partition("\n")[0], "a line of the runtime's has nothing else to show"
