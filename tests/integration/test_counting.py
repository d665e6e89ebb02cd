"""Tests that each execution is counted once, however Lambda delivers the log's stream."""

import random
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from hooklog.errors import NotCounted
from tests.aws import MockAws
from tests.events import api_event, sqs_event
from tests.faults import Fault, FaultyService, denied, failing
from tests.logs import logged_events
from tests.proxy import AwsRequest, AwsResponse
from tests.receiver import Receiver
from tests.stream import HOUR, ID, NOON, Record, Shard, failure, hard_error, hours_later, image, local_event
from tests.webhooks import CONTEXT, Api

DAYS = 90
"""The default of ExecutionRetentionDays."""

Items = dict[tuple[str, str], dict[str, int]]


@pytest.fixture
def app(aws: MockAws) -> ModuleType:
    return aws.start("CountExecutionsFunction")


def deliver(app: ModuleType, event: dict[str, Any]) -> None:
    """Deliver a batch, which must succeed. A tumbling window requires a state in the response."""
    assert app.lambda_handler(event, CONTEXT) == {"state": {}}


def deliver_until_counted(app: ModuleType, event: dict[str, Any], times: int = 10) -> int:
    """Deliver a batch again until it succeeds, as Lambda does, and return how often it failed."""
    for failures in range(times):
        try:
            deliver(app, event)
        except NotCounted:
            continue
        return failures
    raise AssertionError(f"not counted after {times} times")


def counted(aws: MockAws) -> Items:
    """Return the numbers of each item of ExecutionCounts, without its expiry."""
    return {
        (row["webhook_id"]["S"], row["hour"]["S"]): {
            name: int(value["N"]) for name, value in row.items() if "N" in value and name != "expires_at"
        }
        for row in aws.rows("ExecutionCounts")
    }


def totals(aws: MockAws) -> dict[tuple[str, str], int]:
    """Return how many executions were counted per webhook and hour."""
    return {
        key: sum(numbers.get(name, 0) for name in ("succeeded", "failed", "skipped"))
        for key, numbers in counted(aws).items()
    }


def logged_per_hour(aws: MockAws) -> dict[tuple[str, str], int]:
    """Return how many executions the history has per webhook and hour."""
    times = [(row["webhook_id"]["S"], row["executed_at"]["S"]) for row in aws.rows("Executions")]
    return Counter((name, f"{at[:4]}-{at[4:6]}-{at[6:11]}") for name, at in times)


class TestCounts:
    def test_the_counts_of_an_hour_equal_its_history(
        self, aws: MockAws, app: ModuleType, sender: ModuleType, api: Api, receiver: Receiver
    ) -> None:
        """Send webhooks that end in every way, and a webhook test."""
        for name, fields in {"acme.skips": {"transformation": "payload.none", "enabled": True}, "acme.off": {}}.items():
            assert api.put(name, url=receiver.url("/status/200"), **fields)[0] == 201
        urls = ["/status/200", "/status/204", "/status/500", "/status/404"]
        messages: list[dict[str, Any]] = [{"webhook_id": ID, "url": receiver.url(each)} for each in urls]
        messages += [{"webhook_id": ID, "url": "http://127.0.0.1:1/"}, {"webhook_id": ID, "url": "http://10.0.0.1/"}]
        messages += [{"webhook_id": "acme.skips"}, {"webhook_id": "acme.off"}, {"webhook_id": "acme.unknown"}]
        for start in range(0, len(messages), 5):
            event = sqs_event(*({"payload": {}, **message} for message in messages[start : start + 5]))
            assert sender.lambda_handler(event, CONTEXT) == {"batchItemFailures": []}
        test = aws.endpoint("test_webhook", ALLOW_HTTP="true")
        event = api_event({"webhook_id": "acme.off"}, scope="webhooks:manage", body={"payload": {}})
        assert test.lambda_handler(event, CONTEXT)["statusCode"] == 200
        images = aws.rows("Executions")
        assert len(images) == len(messages) + 1
        shard = Shard()
        deliver(app, shard.event(shard.records(*images)))
        assert totals(aws) == logged_per_hour(aws)
        sums = Counter[str]()
        for numbers in counted(aws).values():
            sums.update({name: number for name, number in numbers.items() if not name.startswith("d")})
        assert sums == {
            "succeeded": 3,
            "failed": 6,
            "hard_errors": 4,
            "skipped": 1,
            "excluded_failures": 2,
            "excluded_successes": 1,
        }

    def test_an_item_has_only_what_is_not_0_and_expires_with_its_executions(
        self, aws: MockAws, app: ModuleType
    ) -> None:
        shard = Shard("shardId-00000001795888440000-d2c71d4a")
        deliver(app, shard.event(shard.records(image(), image(duration_ms=90), hard_error(duration_ms=15_000))))
        (row,) = aws.rows("ExecutionCounts")
        expires_at = NOON + timedelta(hours=1, days=DAYS)
        assert row == {
            "webhook_id": {"S": ID},
            "hour": {"S": HOUR},
            "succeeded": {"N": "2"},
            "failed": {"N": "1"},
            "hard_errors": {"N": "1"},
            "d21": {"N": "2"},
            "d44": {"N": "1"},
            "s_d2c71d4a": {"S": str(shard.number).zfill(40)},
            "expires_at": {"N": str(int(expires_at.timestamp()))},
        }

    def test_executions_are_counted_in_the_hour_in_which_they_started(self, aws: MockAws, app: ModuleType) -> None:
        """Pending log writes reach the stream hours later."""
        shard = Shard()
        last_moment = hours_later(1) - timedelta(microseconds=1)
        deliver(app, shard.event(shard.records(*(image(at=hours_later(6)) for _ in range(3)), image(at=last_moment))))
        deliver(app, shard.event(shard.records(image(at=NOON), failure(at=hours_later(6)), image(at=hours_later(-30)))))
        assert totals(aws) == {(ID, HOUR): 2, (ID, "2026-11-28T18"): 4, (ID, "2026-11-27T06"): 1}

    def test_writing_an_hour_costs_one_call_for_any_number_of_executions(
        self, aws: MockAws, dynamodb: FaultyService
    ) -> None:
        app, shard = aws.start("CountExecutionsFunction"), Shard()
        deliver(app, shard.event(shard.records(*(image() for _ in range(300)))))
        assert dynamodb.calls == {"UpdateItem": 2, "BatchGetItem": 1}  # the counts, and the new webhook
        deliver(app, shard.event(shard.records(*(image() for _ in range(300)))))
        assert dynamodb.calls == {"UpdateItem": 3, "BatchGetItem": 2}
        assert totals(aws) == {(ID, HOUR): 600}

    @pytest.mark.parametrize("event", [{}, {"Records": []}, Shard().event([]), {**Shard().event([]), "Records": []}])
    def test_the_end_of_a_window_may_have_no_records(
        self, aws: MockAws, app: ModuleType, event: dict[str, Any]
    ) -> None:
        deliver(app, {**event, "isFinalInvokeForWindow": True})
        assert counted(aws) == {}

    def test_only_new_executions_are_counted(self, aws: MockAws, app: ModuleType) -> None:
        """An execution that is put twice is modified; erasing changes its row, and expiry removes it."""
        shard, item = Shard(), image()
        erased = {**item, "erased": {"BOOL": True}}
        records = shard.records(item)
        for name in ("MODIFY", "REMOVE"):
            records += shard.records(item, erased, name=name)
        deliver(app, shard.event(records))
        assert totals(aws) == {(ID, HOUR): 1}


class TestRepeats:
    """Lambda delivers records at least once: later in any way, the first time in their order."""

    def test_a_batch_that_comes_again_whole_in_parts_or_overlapping_is_counted_once(
        self, aws: MockAws, app: ModuleType
    ) -> None:
        shard = Shard()
        records = shard.records(*(image(at=hours_later(number % 2)) for number in range(12)))
        deliver(app, shard.event(records[:8]))
        for again in (records[:8], records[:4], records[4:8], records[3:5], records[7::-1], records[:1]):
            deliver(app, shard.event(again))
        assert sum(totals(aws).values()) == 8
        deliver(app, shard.event(records[2:11]))
        deliver(app, shard.event(records))
        assert totals(aws) == {(ID, HOUR): 6, (ID, "2026-11-28T13"): 6}

    def test_a_record_that_is_twice_in_a_batch_is_counted_once(self, aws: MockAws, app: ModuleType) -> None:
        shard = Shard()
        records = shard.records(image(), image())
        deliver(app, shard.event([*records, *records]))
        assert totals(aws) == {(ID, HOUR): 2}

    def test_shards_are_counted_apart(self, aws: MockAws, app: ModuleType) -> None:
        """A parent and its children have records of one hour, interleaved and with any sequence numbers."""
        parent = Shard("shardId-00000001795888440000-aaaaaaaa", 1000)
        children = [
            Shard("shardId-00000001795902840000-bbbbbbbb", 10),
            Shard("shardId-00000001795902840000-cccccccc", 10**38),
        ]
        batches = [
            (shard, shard.records(*(image() for _ in range(3)))) for _ in range(3) for shard in (parent, *children)
        ]
        for shard, records in batches:
            deliver(app, shard.event(records))
        for shard, records in reversed(batches):
            deliver(app, shard.event(records))
        assert totals(aws) == {(ID, HOUR): 27}

    def test_a_shorter_sequence_number_is_lower(self, aws: MockAws, app: ModuleType) -> None:
        shard = Shard(number=10**21 - 10)
        records = shard.records(*(image() for _ in range(4)))
        for batch in (records[:1], records[1:], records):
            deliver(app, shard.event(batch))
        assert totals(aws) == {(ID, HOUR): 4}

    def test_the_local_aws_names_no_shard(self, aws: MockAws, app: ModuleType) -> None:
        records = Shard().records(image(), image())
        for _ in range(2):
            deliver(app, local_event(records))
        assert totals(aws) == {(ID, HOUR): 2}

    def test_another_invocation_may_count_the_same_records_meanwhile(
        self, aws: MockAws, dynamodb: FaultyService
    ) -> None:
        """An invocation that timed out may still be running when Lambda invokes again."""
        app, other, shard = aws.start("CountExecutionsFunction"), Shard(), Shard()
        records = shard.records(*(image() for _ in range(9)))
        deliver(app, shard.event(records[:3]))
        counting_first: list[Sequence[Record]] = [records[:8], records[:6]]

        def count_before_the_read(request: AwsRequest) -> AwsResponse | None:
            if request.operation == "GetItem" and counting_first:
                batch = counting_first.pop()
                with dynamodb.breaking(count_before_the_read):
                    deliver(app, other.event(batch))
            return None

        with dynamodb.breaking(count_before_the_read):
            deliver(app, shard.event(records))
        assert counting_first == []
        assert totals(aws) == {(ID, HOUR): 9}


def after(successes: int, operation: str, fault: Fault) -> Fault:
    """Inject a fault after so many calls of an operation."""
    left = [successes]

    def inject(request: AwsRequest) -> AwsResponse | None:
        if request.operation != operation:
            return None
        left[0] -= 1
        return fault(request) if left[0] < 0 else None

    return inject


def losing_each_response(dynamodb: FaultyService, times: int) -> Fault:
    """Do what each update asks for, but lose its response the first `times` times."""
    lost = Counter[bytes]()

    def inject(request: AwsRequest) -> AwsResponse | None:
        if request.operation != "UpdateItem" or lost[request.body] == times:
            return None
        lost[request.body] += 1
        dynamodb.forward(request)
        return failing(request)

    return inject


BROKEN: dict[str, Callable[[Record], object]] = {
    "no image": lambda record: record["dynamodb"].pop("NewImage"),
    "no webhook": lambda record: record["dynamodb"]["NewImage"].pop("webhook_id"),
    "another type": lambda record: record["dynamodb"]["NewImage"].update(duration_ms={"S": "87"}),
    "no number": lambda record: record["dynamodb"]["NewImage"].update(result={"N": "many"}),
    "no time": lambda record: record["dynamodb"]["NewImage"].update(executed_at={"S": "#running"}),
    "no date": lambda record: record["dynamodb"]["NewImage"].update(executed_at={"S": "20261328T120000.0Z-1"}),
    "no image but text": lambda record: record["dynamodb"].update(NewImage="text"),
    "no sequence number": lambda record: record["dynamodb"].pop("SequenceNumber"),
    "another sequence number": lambda record: record["dynamodb"].update(SequenceNumber="-1"),
    "nothing": lambda record: record.pop("dynamodb"),
}


class TestFaults:
    def test_an_hour_without_dynamodb_loses_and_repeats_nothing(self, aws: MockAws, dynamodb: FaultyService) -> None:
        """Lambda repeats the batch, whole and bisected, and then the rest of the stream."""
        app, shard = aws.start("CountExecutionsFunction"), Shard()
        records = shard.records(*(image(f"acme.{number % 5}") for number in range(20)))
        deliver(app, shard.event(records[:5]))
        with dynamodb.breaking(denied):
            for batch in (records[5:10], records[5:7], records[5:15]):
                with pytest.raises(NotCounted):
                    app.lambda_handler(shard.event(batch), CONTEXT)
        deliver(app, shard.event(records[5:15]))
        deliver(app, shard.event(records[15:]))
        assert totals(aws) == {(f"acme.{number}", HOUR): 4 for number in range(5)}

    @pytest.mark.parametrize("successes", [0, 1, 4, 7])
    def test_a_failure_between_two_items_repeats_only_the_others(
        self, aws: MockAws, dynamodb: FaultyService, successes: int
    ) -> None:
        app, shard = aws.start("CountExecutionsFunction"), Shard()
        records = shard.records(*(image(f"acme.{number % 8}") for number in range(24)))
        with dynamodb.breaking(after(successes, "UpdateItem", denied)), pytest.raises(NotCounted):
            app.lambda_handler(shard.event(records[:16]), CONTEXT)
        assert sum(totals(aws).values()) == 2 * successes
        deliver(app, shard.event(records))
        assert totals(aws) == {(f"acme.{number}", HOUR): 3 for number in range(8)}

    def test_an_item_that_fails_does_not_stop_the_others(self, aws: MockAws, dynamodb: FaultyService) -> None:
        def refuse_one(request: AwsRequest) -> AwsResponse | None:
            return denied(request) if b"acme.3" in request.body and b"hour" in request.body else None

        app, shard = aws.start("CountExecutionsFunction"), Shard()
        records = shard.records(*(image(f"acme.{number}") for number in range(6)))
        with dynamodb.breaking(refuse_one), pytest.raises(NotCounted):
            app.lambda_handler(shard.event(records), CONTEXT)
        assert set(totals(aws)) == {(f"acme.{number}", HOUR) for number in (0, 1, 2, 4, 5)}

    @pytest.mark.parametrize(("times", "failures"), [(1, 0), (4, 1)])
    def test_a_lost_response_is_not_counted_twice(
        self, aws: MockAws, dynamodb: FaultyService, times: int, failures: int
    ) -> None:
        """The SDK sends a request again if there is no response, and then Lambda the batch."""
        app, shard = aws.start("CountExecutionsFunction"), Shard()
        records = shard.records(*(image(f"acme.{number % 4}") for number in range(12)))
        with dynamodb.breaking(losing_each_response(dynamodb, times)):
            assert deliver_until_counted(app, shard.event(records[:8])) == failures
            assert totals(aws) == {(f"acme.{number}", HOUR): 2 for number in range(4)}
        deliver(app, shard.event(records))
        assert totals(aws) == {(f"acme.{number}", HOUR): 3 for number in range(4)}

    def test_what_does_not_fit_into_the_time_comes_again(self, aws: MockAws, app: ModuleType) -> None:
        shard = Shard()
        event = shard.event(shard.records(*(image(f"acme.{number}") for number in range(30))))
        left = iter(range(10))
        ending = SimpleNamespace(get_remaining_time_in_millis=lambda: 60_000 if next(left, None) is not None else 0)
        with pytest.raises(NotCounted):
            app.lambda_handler(event, ending)
        assert len(totals(aws)) == 10
        deliver(app, event)
        assert totals(aws) == {(f"acme.{number}", HOUR): 1 for number in range(30)}

    @pytest.mark.parametrize("name", BROKEN)
    def test_a_record_that_is_no_execution_does_not_block_its_shard(
        self, aws: MockAws, app: ModuleType, name: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        shard = Shard()
        records = shard.records(image(), image(), image())
        BROKEN[name](records[1])
        deliver(app, shard.event(records))
        assert totals(aws) == {(ID, HOUR): 2}
        assert logged_events(caplog).count("stream_records_invalid") == 1

    def test_a_trigger_of_a_later_release_is_counted(self, aws: MockAws, app: ModuleType) -> None:
        shard = Shard()
        deliver(app, shard.event(shard.records(image(trigger={"S": "replay"}))))
        assert totals(aws) == {(ID, HOUR): 1}

    def test_a_batch_is_one_line_and_a_failed_one_says_why(
        self, aws: MockAws, dynamodb: FaultyService, caplog: pytest.LogCaptureFixture
    ) -> None:
        app, shard = aws.start("CountExecutionsFunction"), Shard()
        records = shard.records(*(image(f"acme.{number}") for number in range(3)))
        with dynamodb.breaking(denied), pytest.raises(NotCounted):
            app.lambda_handler(shard.event(records), CONTEXT)
        failed, *_, batch = caplog.records
        assert (failed.__dict__["event"], failed.__dict__["calls"]) == ("executions_not_counted", 3)
        assert "AccessDeniedException" in failed.__dict__["cause"]
        assert (batch.__dict__["executions"], batch.__dict__["not_counted"]) == (3, 3)
        caplog.clear()
        deliver(app, shard.event(records[:1]))
        deliver(app, shard.event(records + shard.records(image(), name="MODIFY")))
        assert logged_events(caplog) == ["batch_counted"] * 2
        line = caplog.records[-1].__dict__
        names = ("executions", "counted", "already_counted", "not_counted", "hours", "webhooks_listed", "ignored")
        assert [line[each] for each in names] == [3, 2, 1, 0, 3, 2, 1]


@pytest.mark.parametrize("seed", range(4))
def test_random_faults_and_repeats_change_no_count(aws: MockAws, dynamodb: FaultyService, seed: int) -> None:
    """Model Lambda: each shard's batches in order, each until it succeeds, and old ones again at any time."""
    chosen = random.Random(seed)
    app = aws.start("CountExecutionsFunction")
    shards = [Shard(f"shardId-00000001795888440000-{number:08x}", 10 ** (21 + number)) for number in range(3)]
    truth = Counter[tuple[str, str]]()
    streams: list[list[Record]] = []
    for shard in shards:
        places = [(f"acme.{chosen.randrange(4)}", hours_later(chosen.randrange(2))) for _ in range(40)]
        truth.update((webhook_id, f"{at:%Y-%m-%dT%H}") for webhook_id, at in places)
        streams.append(shard.records(*(image(*place) for place in places)))
    positions = [0, 0, 0]
    while positions != [40, 40, 40]:
        each = chosen.choice([each for each in range(3) if positions[each] < 40])
        begin, end = positions[each], min(40, positions[each] + chosen.randint(1, 25))
        fault = chosen.choice([losing_each_response(dynamodb, chosen.randint(1, 4)), denied])
        with dynamodb.breaking(after(chosen.randrange(20), "UpdateItem", fault)):
            try:
                deliver(app, shards[each].event(streams[each][begin:end]))
            except NotCounted:
                continue
        positions[each] = end
        again = sorted(chosen.choices(range(end + 1), k=2))
        deliver(app, shards[each].event(streams[each][slice(*again)]))
    assert totals(aws) == truth


class TestSeenWebhooks:
    def test_a_webhook_is_listed_until_its_last_execution_has_expired(self, aws: MockAws, app: ModuleType) -> None:
        shard = Shard()
        deliver(app, shard.event(shard.records(image(), failure("acme.unknown", hours_later(-3)))))
        rows = {row.pop("webhook_id")["S"]: row for row in aws.rows("SeenWebhooks")}
        assert {name: row["listed"] for name, row in rows.items()} == {ID: {"S": "all"}, "acme.unknown": {"S": "all"}}
        for name, at in {ID: NOON, "acme.unknown": hours_later(-3)}.items():
            until = datetime.fromtimestamp(int(rows[name]["expires_at"]["N"]), UTC)
            assert timedelta(days=DAYS) < until - at <= timedelta(days=DAYS + 1, hours=1)

    def test_a_row_is_written_once_a_day_and_never_shortened(self, aws: MockAws, app: ModuleType) -> None:
        shard = Shard()
        expiries = []
        for hours in (0, 1, 23, -48, 24, 25, 49):
            deliver(app, shard.event(shard.records(image(at=hours_later(hours)))))
            (row,) = aws.rows("SeenWebhooks")
            expiries.append((int(row["expires_at"]["N"]) - int(NOON.timestamp())) // 3600 - 24 * (DAYS + 1) - 1)
        assert expiries == [0, 0, 0, 0, 24, 24, 49]

    def test_a_webhook_that_was_not_listed_is_listed_by_the_next_batch(
        self, aws: MockAws, dynamodb: FaultyService
    ) -> None:
        app, shard = aws.start("CountExecutionsFunction"), Shard()
        records = shard.records(image(), image("acme.other"))

        def refuse(request: AwsRequest) -> AwsResponse | None:
            return denied(request) if "SeenWebhooks" in request.body.decode() else None

        with dynamodb.breaking(refuse), pytest.raises(NotCounted):
            app.lambda_handler(shard.event(records), CONTEXT)
        assert aws.rows("SeenWebhooks") == []
        deliver(app, shard.event(records))
        assert {row["webhook_id"]["S"] for row in aws.rows("SeenWebhooks")} == {ID, "acme.other"}
        assert totals(aws) == {(ID, HOUR): 1, ("acme.other", HOUR): 1}
