"""The deployed stack publishes events when a webhook fails and when it has recovered."""

from typing import Any

from local import aws
from tests.deployment import Deployment, Receiver, until
from tests.stack_changes import physical_id
from tests.subscriptions import add_pending_event, event_queue, read_pending_types


def test_a_webhook_that_fails_and_recovers_raises_events(
    deployment: Deployment, receiver_process: Receiver, webhook_id: str
) -> None:
    """Sends more than enough, because another hour may begin in the middle."""
    url = receiver_process["http_url"]
    broken = {"webhook_id": webhook_id, "url": f"{url}/status/410", "payload": {}}
    works = {"webhook_id": webhook_id, "url": f"{url}/status/200", "payload": {}}
    events: list[dict[str, Any]] = []

    def wait_for(event_type: str) -> dict[str, Any]:
        def read() -> list[dict[str, Any]]:
            events.extend(read_events())
            return [event for event in events if event["type"] == event_type]

        return until(read, bool)[0]

    with event_queue(webhook_id) as read_events:
        deployment.enqueue(webhook_id, *[broken] * 6)
        failing = wait_for("webhook.failing")
        assert wait_for("message.exhausted")["result"] == 410
        deployment.wait_for_history(webhook_id, 6)
        deployment.enqueue(webhook_id, *[works] * 14)
        recovered = wait_for("webhook.recovered")
    assert recovered["failing_since"] == failing["hour"] <= recovered["hour"]
    types = [event["type"] for event in events]
    assert (types.count("webhook.failing"), types.count("webhook.recovered")) == (1, 1)


def test_the_schedule_publishes_a_pending_event(deployment: Deployment, webhook_id: str) -> None:
    """Run what the schedule runs now, instead of within five minutes."""
    scheduler = aws.client("scheduler")
    schedule = scheduler.get_schedule(Name=physical_id("PublishEventsSchedule"))
    once = {"ScheduleExpression": "at(2026-01-01T00:00:00)", "ActionAfterCompletion": "DELETE"}
    same = {key: schedule[key] for key in ("FlexibleTimeWindow", "Target")}
    with event_queue(webhook_id) as read_events:
        event = add_pending_event(webhook_id)
        scheduler.create_schedule(Name=webhook_id, **same, **once)
        assert until(read_events, bool) == [event]
    until(lambda: read_pending_types(webhook_id), lambda found: not found)
