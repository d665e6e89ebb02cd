"""GET /webhooks/{webhook_id}/stats, and GET /webhooks?seen=true."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.aws import MockAws
from tests.events import api_event
from tests.stream import Shard, failure, hard_error, image
from tests.template import ROOT
from tests.webhooks import CONTEXT, Api, check_documented

ID = "acme.orders"
READ = "executions:read"
BOTH = "webhooks:read executions:read"
EMPTY: dict[str, Any] = {
    "succeeded": 0, "failed": 0, "hard_errors": 0, "skipped": 0, "duration_ms": {"p50": None, "p95": None},
}  # fmt: skip
HOOK = "https://1.1.1.1/hooks"


Log = Callable[..., str]


@pytest.fixture
def log(aws: MockAws) -> Log:
    """Return a function that logs an execution of a webhook, as of `2026-11-28T18:30`, and counts it."""
    app, shard = aws.start("CountExecutionsFunction"), Shard()

    def log_and_count(webhook_id: str, at: str, result: int = 200, **attributes: Any) -> str:
        is_success = 200 <= result < 300 or "skipped" in attributes
        make = image if is_success else failure if result else hard_error
        made = make(webhook_id=webhook_id, at=datetime.fromisoformat(f"{at}Z"), **attributes)
        made["result"] = {"N": str(result)}
        aws.dynamodb.put_item(TableName=aws.refs["Executions"], Item=made)
        app.lambda_handler(shard.event(shard.records(made)), CONTEXT)
        return str(made["executed_at"]["S"])

    return log_and_count


def stats(api: Api, webhook_id: str = ID, scope: str = READ, **parameters: str) -> tuple[int, dict[str, Any]]:
    named = {name.rstrip("_"): value for name, value in parameters.items()}
    return api.call("get_stats", {"webhook_id": webhook_id}, parameters=named or None, scope=scope)


def intervals(api: Api, webhook_id: str = ID, **parameters: str) -> list[dict[str, Any]]:
    status, body = stats(api, webhook_id, **parameters)
    assert status == 200, body
    found: list[dict[str, Any]] = body["intervals"]
    return found


def starts(api: Api, **parameters: str) -> list[str]:
    return [each["start"] for each in intervals(api, **parameters)]


def refused(api: Api, **parameters: str) -> dict[str, str]:
    status, body = stats(api, **parameters)
    assert status == 400, body
    return {each["field"]: each["message"] for each in body["error"]["errors"]}


LOADED = """
import json, sys
import app
app.lambda_handler(json.loads(sys.stdin.read()), None)
print(json.dumps([name for name in sys.modules if name.startswith(("hooklog.statistics", "hooklog.api.seen"))]))
"""


def test_other_routes_do_not_import_the_statistics(aws: MockAws) -> None:
    """They would start more slowly."""
    folders = ":".join(str(ROOT / each) for each in ("functions/read_api", "layers/shared"))
    environment = {**os.environ, **aws.environment("ReadApiFunction"), "PYTHONPATH": folders}
    event = json.dumps({**api_event({"webhook_id": ID}), "httpMethod": "GET"})
    result = subprocess.run(
        [sys.executable, "-B", "-c", LOADED], input=event, env=environment, capture_output=True, text=True, check=True
    )
    assert json.loads(result.stdout.splitlines()[-1]) == []


class TestStats:
    """Counts by hour or day."""

    def test_every_hour_of_the_period_has_its_counts(self, log: Log, api: Api) -> None:
        for at, result in (("10:00", 200), ("10:59", 500), ("12:01", 204), ("12:30", 0), ("13:00", 200)):
            log(ID, f"2026-11-24T{at}", result)
        log(ID, "2026-11-24T12:40", 0, skipped=True)
        log("acme.other", "2026-11-24T10:00", 500)
        found = intervals(api, from_="2026-11-24T10:00Z", to="2026-11-24T13:00Z")
        expected = [
            {"succeeded": 1, "failed": 1, "hard_errors": 0, "skipped": 0},
            EMPTY,
            {"succeeded": 1, "failed": 1, "hard_errors": 1, "skipped": 1},
        ]
        for number, (one, counts) in enumerate(zip(found, expected, strict=True)):
            durations = one.pop("duration_ms")
            assert {**one, "duration_ms": counts.get("duration_ms")} == {
                "start": f"2026-11-24T{10 + number}:00:00Z",
                "duration_ms": None,
                **counts,
            }
            assert durations == EMPTY["duration_ms"] or all(77 <= each <= 98 for each in durations.values())

    def test_days_are_those_of_utc_and_add_up_their_hours(self, log: Log, api: Api) -> None:
        for at in ("23T23:59", "24T00:00", "24T09:30", "24T23:59", "25T00:00", "25T12:00"):
            log(ID, f"2026-11-{at}", 500)
        found = intervals(api, from_="2026-11-24T02:00+02:00", to="2026-11-25T23:00+02:00", interval="day")
        assert [(one["start"], one["failed"]) for one in found] == [
            ("2026-11-24T00:00:00Z", 3),
            ("2026-11-25T00:00:00Z", 2),
        ]

    def test_the_total_is_of_the_whole_period(self, log: Log, api: Api) -> None:
        for number in range(20):
            slow = number >= 18
            log(ID, f"2026-11-24T{number:02}:30", 200 if number % 4 else 0, duration_ms=2000 if slow else 10)
        _, body = stats(api, from_="2026-11-24", to="2026-11-25")
        total = body["total"]
        assert {name: total[name] for name in ("succeeded", "failed", "hard_errors")} == {
            "succeeded": 15,
            "failed": 5,
            "hard_errors": 5,
        }
        assert 8 <= total["duration_ms"]["p50"] <= 12
        assert 1760 <= total["duration_ms"]["p95"] <= 2240
        assert stats(api, from_="2026-12-24", to="2026-12-25")[1]["total"] == EMPTY

    @pytest.mark.parametrize(
        ("since", "until", "first", "last"),
        [
            ("2026-11-24T10:59:59.999999Z", "2026-11-24T12:00Z", "10:00", "11:00"),
            ("2026-11-24T10:00Z", "2026-11-24T12:00:00.000001Z", "10:00", "12:00"),
            ("2026-11-24T10:59", "2026-11-24T11:01", "10:00", "11:00"),
            ("2026-11-24T10:10Z", "2026-11-24T10:20Z", "10:00", "10:00"),
            ("2026-11-24T16:10+05:45", "2026-11-24T16:50+05:45", "10:00", "11:00"),
        ],
    )
    def test_a_period_is_widened_to_whole_hours(self, api: Api, since: str, until: str, first: str, last: str) -> None:
        found = starts(api, from_=since, to=until)
        assert (found[0], found[-1]) == (f"2026-11-24T{first}:00Z", f"2026-11-24T{last}:00Z")

    def test_the_default_is_the_last_24_hours(self, log: Log, api: Api) -> None:
        before = datetime.now(UTC)
        log(ID, before.isoformat()[:16])
        log(ID, (before - timedelta(hours=26)).isoformat()[:16])
        found = intervals(api)
        end = datetime.fromisoformat(found[-1]["start"])
        assert before - timedelta(hours=1) < end <= datetime.now(UTC)
        assert datetime.fromisoformat(found[0]["start"]) == end - timedelta(hours=24)
        assert sum(one["succeeded"] for one in found) == 1

    def test_the_default_by_day_is_the_last_30_days(self, api: Api) -> None:
        found = starts(api, interval="day")
        assert datetime.now(UTC) - datetime.fromisoformat(found[-1]) < timedelta(days=1, hours=1)
        assert len(found) == 31
        assert starts(api, interval="day", to="2026-11-25")[::29] == ["2026-10-26T00:00:00Z", "2026-11-24T00:00:00Z"]
        assert starts(api, to="2026-11-25")[::23] == ["2026-11-24T00:00:00Z", "2026-11-24T23:00:00Z"]

    @pytest.mark.parametrize(
        ("interval", "longest", "too_long", "count"),
        [
            ("hour", "2026-12-25T10:30Z", "2026-12-25T10:30:01Z", 31 * 24 + 1),
            ("day", "2027-11-25T10:30Z", "2027-11-25T10:30:01Z", 367),
        ],
    )
    def test_a_period_that_is_too_long_is_refused_with_advice(
        self, api: Api, interval: str, longest: str, too_long: str, count: int
    ) -> None:
        assert len(starts(api, from_="2026-11-24T10:30Z", to=longest, interval=interval)) == count
        errors = refused(api, from_="2026-11-24T10:30Z", to=too_long, interval=interval)
        assert list(errors) == ["from"]
        assert ("interval=day" in errors["from"]) == (interval == "hour")

    @pytest.mark.parametrize(
        ("parameters", "fields"),
        [
            ({"from_": "2026-11-24", "to": "2026-11-24"}, ["from"]),
            ({"from_": "2026-11-25", "to": "2026-11-24"}, ["from"]),
            ({"from_": "2999-01-01"}, ["from"]),
            ({"to": "0001-01-01"}, ["from"]),
            ({"interval": "week"}, ["interval"]),
            ({"interval": ""}, ["interval"]),
            ({"from_": "yesterday", "to": "tomorrow", "interval": "minute"}, ["from", "to", "interval"]),
            ({"limit": "5"}, ["limit"]),
        ],
    )
    def test_wrong_parameters_are_named(self, api: Api, parameters: dict[str, str], fields: list[str]) -> None:
        assert list(refused(api, **parameters)) == fields

    @settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        st.datetimes(timezones=st.timezones() | st.none()).map(datetime.isoformat),
        st.sampled_from(["hour", "day"]),
        st.sampled_from(["from_", "to"]),
    )
    @example("9999-12-31T23:59:59.999999Z", "hour", "to")
    @example("9999-12-31T23:59:59.999999Z", "day", "to")
    @example("0001-01-01T01:00:00Z", "day", "to")
    @example("0001-01-01T00:00:00Z", "hour", "from_")
    def test_any_time_is_counted_or_refused(self, api: Api, at: str, interval: str, name: str) -> None:
        status, body = stats(api, interval=interval, **{name: at})
        assert status in (200, 400)
        if status == 200:
            assert body["total"] == EMPTY

    def test_an_unknown_webhook_has_no_executions(self, api: Api) -> None:
        assert {one["succeeded"] for one in intervals(api, "acme.unknown")} == {0}

    @pytest.mark.parametrize("change", [{"scope": "webhooks:read executions:resend"}, {"webhooks": ["bcme.*"]}])
    def test_another_scope_or_webhook_is_forbidden(self, api: Api, change: dict[str, Any]) -> None:
        assert api.call("get_stats", {"webhook_id": ID}, **{"scope": READ, **change})[0] == 403

    def test_without_counting_the_answer_names_the_parameter(self, aws: MockAws) -> None:
        for handler, parameters in (("get_stats", None), ("list_webhooks", {"seen": "true"})):
            event = api_event({"webhook_id": ID}, parameters, scope=BOTH)
            response = aws.endpoint(handler, COUNT_EXECUTIONS="false").lambda_handler(event, None)
            body = json.loads(response["body"])
            check_documented(handler, response["statusCode"], body)
            assert (response["statusCode"], "CountExecutions" in body["error"]["message"]) == (404, True)
        plain = aws.endpoint("list_webhooks", COUNT_EXECUTIONS="false").lambda_handler(api_event({}, scope=BOTH), None)
        assert plain["statusCode"] == 200


def listed(api: Api, scope: str = BOTH, webhooks: list[str] | None = None, **parameters: str) -> list[dict[str, Any]]:
    parameters = {"seen": "true", **parameters}
    status, body = api.call("list_webhooks", {}, scope=scope, webhooks=webhooks or ["*"], parameters=parameters)
    assert status == 200, body
    found: list[dict[str, Any]] = body["webhooks"]
    return found


class TestSeen:
    """The list of webhooks with those that are not registered."""

    def test_a_webhook_that_was_only_seen_is_listed_with_its_activity(self, log: Log, api: Api) -> None:
        now = datetime.now(UTC)
        api.put("acme.a", url=HOOK)
        api.put("acme.c", url=HOOK)
        for hours, result in ((0, 500), (1, 200), (22, 0), (25, 404)):
            last = log("acme.b", (now - timedelta(hours=hours)).isoformat()[:16], result)
            log("acme.c", (now - timedelta(hours=hours + 40)).isoformat()[:16], result)
        first, unregistered, third = listed(api)
        assert (first["webhook_id"], first["registered"], first["url"]) == ("acme.a", True, HOOK)
        assert (first["last_execution"], set(first["last_24_hours"].values())) == (None, {0})
        assert unregistered.keys() == {"webhook_id", "registered", "last_execution", "last_24_hours"}
        assert (unregistered["webhook_id"], unregistered["registered"]) == ("acme.b", False)
        assert unregistered["last_execution"]["result"] == 500
        assert unregistered["last_execution"]["execution_id"] > last
        assert unregistered["last_24_hours"] == {"succeeded": 1, "failed": 2, "hard_errors": 1, "skipped": 0}
        assert (third["webhook_id"], third["registered"]) == ("acme.c", True)
        assert third["last_execution"]["webhook_id"] == "acme.c"
        assert set(third["last_24_hours"].values()) == {0}

    @pytest.mark.usefixtures("within_an_hour")
    def test_the_current_hour_and_the_23_before_count(self, log: Log, api: Api) -> None:
        now = datetime.now(UTC)
        for hours in (0, 23, 24):
            log(ID, f"{(now - timedelta(hours=hours)).isoformat()[:13]}:00")
        (only,) = listed(api)
        assert only["last_24_hours"]["succeeded"] == 2

    @pytest.mark.parametrize("patterns", [["*"], ["acme.*", "b"], ["a", "acme.b", "acme.a", "acmee", "x"]])
    def test_pages_have_no_gaps_or_duplicates(self, log: Log, api: Api, patterns: list[str]) -> None:
        for webhook_id in ("a", "acme.b", "acme.d", "acmee"):
            api.put(webhook_id, url=HOOK)
        for webhook_id in ("acme.a", "acme.b", "acme.c", "acmee", "b"):
            log(webhook_id, "2026-11-24T10:00")
        whole = [one["webhook_id"] for one in listed(api, webhooks=patterns)]
        assert whole == sorted(set(whole))
        assert {"acme.a", "acme.b"} <= set(whole)
        for limit in range(1, len(whole) + 1):
            found: list[str] = []
            cursor: dict[str, str] = {}
            while cursor or not found:
                page = {"seen": "true", "limit": str(limit), **cursor}
                _, body = api.call("list_webhooks", {}, scope=BOTH, webhooks=patterns, parameters=page)
                assert 0 < len(body["webhooks"]) <= limit
                found += [one["webhook_id"] for one in body["webhooks"]]
                cursor = {"cursor": body["next_cursor"]} if body["next_cursor"] else {}
            assert found == whole

    def test_a_token_sees_only_the_webhooks_that_it_covers(self, log: Log, api: Api) -> None:
        for webhook_id in ("acme.a", "acme", "acmex.a", "bcme.a"):
            log(webhook_id, "2026-11-24T10:00")
        assert [one["webhook_id"] for one in listed(api, webhooks=["acme.*", "acme.unknown"])] == ["acme.a"]
        assert [one["webhook_id"] for one in listed(api, webhooks=["bcme.a", "acme"])] == ["acme", "bcme.a"]

    def test_a_webhook_that_has_only_pending_events_is_not_listed(self, aws: MockAws, api: Api) -> None:
        row = {"webhook_id": {"S": "acme.a"}, "expires_at": {"N": "4000000000"}}
        aws.dynamodb.put_item(TableName=aws.refs["SeenWebhooks"], Item=row)
        assert listed(api, webhooks=["*"]) == listed(api, webhooks=["acme.a"]) == []

    def test_activity_requires_the_scope_executions_read(self, log: Log, api: Api) -> None:
        api.put("acme.a", url=HOOK)
        log("acme.b", "2026-11-24T10:00")
        registered, unregistered = listed(api, scope="webhooks:read")
        assert unregistered == {"webhook_id": "acme.b", "registered": False}
        assert registered == {**api.get("acme.a")[1], "registered": True}
        assert api.call("list_webhooks", {}, scope=READ, parameters={"seen": "true"})[0] == 403

    def test_without_seen_only_registered_webhooks_are_listed_as_before(self, log: Log, api: Api) -> None:
        api.put("acme.a", url=HOOK)
        log("acme.b", "2026-11-24T10:00")
        assert listed(api, seen="false") == [api.get("acme.a")[1]]
        assert api.list(["*"]) == (["acme.a"], None)

    @pytest.mark.parametrize("value", ["", "1", "TRUE", "yes"])
    def test_another_value_of_seen_is_refused(self, api: Api, value: str) -> None:
        status, body = api.call("list_webhooks", {}, parameters={"seen": value, "limit": "0"})
        assert (status, [each["field"] for each in body["error"]["errors"]]) == (400, ["limit", "seen"])

    def test_a_listed_webhook_can_be_sent_back(self, log: Log, api: Api) -> None:
        api.put(ID, url=HOOK)
        log(ID, "2026-11-24T10:00")
        (shown,) = listed(api, scope=f"{BOTH} webhooks:manage")
        status, changed = api.put(**{**shown, "name": "Orders"})
        assert (status, changed["name"], changed["version"]) == (200, "Orders", 2)
