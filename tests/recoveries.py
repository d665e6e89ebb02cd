"""Recoveries in tests: the routes of the API, and the function that runs them."""

import json
from types import SimpleNamespace
from typing import Any

from tests.aws import MockAws
from tests.events import api_event
from tests.webhooks import check_documented

SINCE = "2026-01-01T00:00:00Z"


class Recovery:
    """Calls the recovery routes, and the function that runs recoveries."""

    def __init__(self, aws: MockAws, webhook_id: str = "acme.orders") -> None:
        self._aws = aws
        self._webhook_id = webhook_id
        self._start = aws.endpoint("start_recovery")
        self._get = aws.endpoint("get_recovery")
        self._run = aws.start("RunRecoveryFunction")

    def start(self, webhook_id: str = "", scope: str = "executions:resend", **body: Any) -> Any:
        event = api_event({"webhook_id": webhook_id or self._webhook_id}, scope=scope)
        event["body"] = json.dumps(body)
        response = self._start.lambda_handler(event, None)
        answer = json.loads(response["body"])
        check_documented("start_recovery", response["statusCode"], answer)
        return response["statusCode"], answer

    def read(self, recovery_id: str) -> Any:
        """Return the whole progress, or the status code of an error."""
        response = self._get.lambda_handler(
            api_event({"webhook_id": self._webhook_id, "recovery_id": recovery_id}), None
        )
        answer = json.loads(response["body"])
        check_documented("get_recovery", response["statusCode"], answer)
        return answer if response["statusCode"] == 200 else response["statusCode"]

    def progress(self, recovery_id: str) -> Any:
        """Return the status and the two counts that every recovery has, or the status code of an error."""
        whole = self.read(recovery_id)
        return {name: whole[name] for name in ("status", "found", "queued")} if isinstance(whole, dict) else whole

    def take(self) -> dict[str, Any]:
        """Take the queued task."""
        return self._aws.take("RecoveryQueue")

    def run(self, event: dict[str, Any], *milliseconds: int) -> None:
        """Run it with what is left of the time at each look, or with plenty of time."""
        left = iter(milliseconds)
        get = (lambda: next(left)) if milliseconds else (lambda: 60_000)
        context = SimpleNamespace(aws_request_id="request-1", get_remaining_time_in_millis=get)
        self._run.lambda_handler(event, context)

    def complete(self, **body: Any) -> dict[str, Any]:
        """Start a recovery, run it to its end, and return its progress."""
        status, started = self.start(**body)
        assert status == 202, started
        while self._aws.waiting("RecoveryQueue"):
            self.run(self.take())
        whole: dict[str, Any] = self.read(started["recovery_id"])
        assert whole["status"] == "done", whole
        return whole
