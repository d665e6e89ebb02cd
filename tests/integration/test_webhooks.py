"""Webhooks that are registered through the API and called by the sender."""

import base64
import json
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any, Final

import pytest
from standardwebhooks import Webhook as Verifier

from hooklog.delivery.signature import format_secret
from hooklog.errors import Conflict
from hooklog.webhooks import registry
from hooklog.webhooks.rows import EncryptedKeys
from tests.aws import MockAws
from tests.events import api_event
from tests.faults import FaultyService
from tests.leaks import PLANTED
from tests.openapi import operations, validator
from tests.proxy import AwsRequest
from tests.receiver import Receiver
from tests.webhooks import BOTH, CONTEXT, ID, Api, history, send

NOW = datetime(2026, 11, 24, tzinfo=UTC)
LAMBDA_BYTES = 6_291_556
"""Lambda's limit of a response, in which the body is a JSON string."""

OWN_HOSTS = [
    "a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com",
    "A1B2C3D4E5.Execute-API.eu-west-1.AmazonAWS.com",
    "a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com.",
    "a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com:443",
    "a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com.:8443",
    "a1b2c3d4e5.execute-api.eu-west-1.api.aws",
    "a1b2c3d4e5-vpce-0f1e2d3c4b5a69788.execute-api.eu-west-1.amazonaws.com",
    "\uff41\uff11\uff42\uff12\uff43\uff13\uff44\uff14\uff45\uff15\u3002execute-api.eu-west-1.amazonaws.com",
    "127.0.0.1:4566/_aws/execute-api/a1b2c3d4e5",
    "127.0.0.1:4566/_aws/execute%2Dapi/%61%31b2c3d4e5",
    "127.0.0.1:4566/restapis/a1b2c3d4e5",
]
"""Hosts of the API that events/ calls, in different spellings; the last three are emulators'."""


def error_type(aws: MockAws, row: dict[str, Any]) -> str:
    path = {"webhook_id": row["webhook_id"]["S"], "execution_id": row["executed_at"]["S"]}
    response = aws.endpoint("get_execution").lambda_handler(api_event(path), None)
    return str(json.loads(response["body"])["error"]["type"])


class TestApi:
    def test_a_new_webhook_is_disabled_and_shows_its_secret_once(self, api: Api) -> None:
        status, created = api.put(url="https://shop.example/hooks", name="Send orders to warehouse")
        assert status == 201
        assert created.pop("secret").startswith("whsec_")
        assert created.pop("created_at") == created.pop("updated_at")
        assert created == {
            "webhook_id": ID,
            "name": "Send orders to warehouse",
            "url": "https://shop.example/hooks",
            "headers": {},
            "event_types": [],
            "enabled": False,
            "timeout_seconds": 15,
            "retry_schedule": None,
            "transformation": None,
            "sensitive_headers": [],
            "topic": None,
            "max_per_second": None,
            "ordered": False,
            "client_certificate": None,
            "version": 1,
        }
        assert "secret" not in api.get()[1]

    def test_a_webhook_as_read_is_accepted_by_put(self, api: Api) -> None:
        api.put(
            url="https://shop.example/hooks",
            headers={"X-Shop": "berlin"},
            event_types=["order.created"],
            enabled=True,
            timeout_seconds=2.5,
            retry_schedule=[],
            sensitive_headers=["X-Shop"],
            topic="acme",
            max_per_second=50,
        )
        _, shown = api.get()
        status, saved = api.put(**shown)
        assert status == 200
        assert saved["updated_at"] > shown["updated_at"]
        assert saved == {**shown, "version": 2, "updated_at": saved["updated_at"]}
        assert api.get()[1] == saved

    @pytest.mark.parametrize(
        ("claims", "topic", "status"),
        [
            ({"webhooks": ["acme.*"]}, "acme.all", 201),
            ({"webhooks": ["acme.*"]}, "acme", 403),
            ({"webhooks": ["acme.*"]}, "acmeX.all", 403),
            ({"webhooks": ["acme.*"]}, "globex.all", 403),
            ({"webhooks": ["acme.*"]}, "ACME.all", 403),
            ({"webhooks": [ID]}, ID, 201),
            ({"webhooks": [ID]}, f"{ID}.all", 403),
            ({"webhooks": [ID]}, "acme.all", 403),
            ({"webhooks": ["acme.*"], "topics": ["acme", "news.*"]}, "acme", 201),
            ({"webhooks": ["acme.*"], "topics": ["acme", "news.*"]}, "news.berlin", 201),
            ({"webhooks": ["acme.*"], "topics": ["acme", "news.*"]}, "news", 403),
            ({"webhooks": [ID], "topics": "*"}, "anything", 201),
            ({"webhooks": ["*"]}, "anything", 201),
        ],
    )
    def test_a_webhook_cannot_join_a_topic_outside_its_token(
        self, api: Api, aws: MockAws, claims: dict[str, Any], topic: str, status: int
    ) -> None:
        fields = {"url": "https://shop.example/hooks", "topic": topic}
        actual, body = api.put_as(claims, **fields)
        assert actual == status, body
        assert len(aws.rows("Webhooks")) == (status == 201)
        if status == 403:
            assert topic in body["error"]["message"]
            api.put(url="https://shop.example/hooks")
            assert api.put_as(claims, **fields, version=1)[0] == 403
            assert api.get()[1]["topic"] is None

    def test_any_token_can_keep_or_remove_a_topic(self, api: Api) -> None:
        own = {"webhooks": ["acme.*"]}
        _, created = api.put(url="https://shop.example/hooks", topic="globex.all")
        created.pop("secret")
        _, saved = api.put_as(own, **{**created, "name": "renamed"})
        assert (saved["name"], saved["topic"]) == ("renamed", "globex.all")
        assert api.put_as(own, **{**saved, "topic": "globex.some"})[0] == 403
        _, without_topic = api.put_as(own, **{**saved, "topic": None})
        assert without_topic["topic"] is None
        assert api.put_as(own, **{**without_topic, "topic": "globex.all"})[0] == 403
        api.delete()
        assert api.put_as(own, url="https://shop.example/hooks", topic="globex.all")[0] == 403

    @pytest.mark.parametrize("host", OWN_HOSTS)
    def test_a_webhook_url_cannot_be_the_api_itself(self, api: Api, host: str) -> None:
        for path in ("", "/v1/webhooks/acme.orders/test", "/v1/history?a=b#c"):
            status, body = api.put(url=f"https://{host}{path}")
            assert (status, body["error"]["message"]) == (400, "url: a webhook must not call Hooklog's own API")
        assert api.get()[0] == 404
        assert api.put(url="https://shop.example/hooks")[0] == 201
        assert api.put(url=f"https://{host}/", version=1)[0] == 400
        assert api.get()[1]["url"] == "https://shop.example/hooks"

    def test_a_webhook_url_cannot_be_the_apis_custom_domain(self, aws: MockAws) -> None:
        event = api_event({"webhook_id": ID}, scope=BOTH, body={"url": "https://Hooks.Acme.example./v2/webhooks"})
        event["requestContext"]["domainName"] = "HOOKS.acme.example"
        assert aws.endpoint("put_webhook").lambda_handler(event, None)["statusCode"] == 400

    @pytest.mark.parametrize(
        "url",
        [
            "https://b1b2c3d4e5.execute-api.eu-west-1.amazonaws.com/v1/webhooks/acme.orders/test",
            "https://a1b2c3d4e55.execute-api.eu-west-1.amazonaws.com/",
            "https://shop.example/a1b2c3d4e5a",
            "https://shop.example/?api=a1b2c3d4e5",
        ],
    )
    def test_a_webhook_url_can_be_another_api(self, api: Api, url: str) -> None:
        assert api.put(url=url)[0] == 201

    def test_an_outdated_version_is_a_conflict(self, api: Api) -> None:
        fields: dict[str, Any] = {"url": "https://shop.example/hooks"}
        assert api.put(**fields, version=1)[0] == 409
        api.put(**fields)
        status, body = api.put(**fields)
        assert (status, "send the version" in body["error"]["message"]) == (409, True)
        assert api.put(**fields, version=1)[0] == 200
        assert api.put(**fields, version=1)[0] == 409
        assert api.get()[1]["version"] == 2

    def test_a_change_keeps_the_secret(self, api: Api) -> None:
        _, created = api.put(url="https://shop.example/hooks")
        api.put(url="https://shop.example/other", version=1)
        assert api.secret() == (200, {"secret": created["secret"], "previous_valid_until": None})

    def test_a_rotation_returns_a_new_secret_and_keeps_the_version(self, api: Api) -> None:
        _, created = api.put(url="https://shop.example/hooks")
        status, rotated = api.rotate()
        assert status == 200
        assert rotated["secret"] != created["secret"]
        assert api.secret()[1] == rotated
        assert api.put(url="https://shop.example/hooks", version=1)[0] == 200
        assert api.secret()[1] == rotated

    def test_one_of_two_concurrent_requests_is_a_conflict(self, api: Api) -> None:
        api.put(url="https://shop.example/hooks")
        stored = registry.find(ID)
        registry.change(stored.webhook._replace(name="first"), stored, NOW)
        with pytest.raises(Conflict, match="another request"):
            registry.change(stored.webhook._replace(name="second"), stored, NOW)
        registry.replace_keys(stored, EncryptedKeys(b"first"))
        with pytest.raises(Conflict, match="another request"):
            registry.replace_keys(stored, EncryptedKeys(b"second"))
        now = registry.find(ID)
        assert (now.webhook.name, now.keys.current) == ("first", b"first")

    def test_a_change_does_not_undo_a_concurrent_rotation(self, api: Api) -> None:
        api.put(url="https://shop.example/hooks")
        stored = registry.find(ID)
        registry.replace_keys(stored, EncryptedKeys(b"new"))
        with pytest.raises(Conflict, match="another request"):
            registry.change(stored.webhook, stored, NOW)

    def test_enabling_a_webhook_clears_the_disabled_reason(self, api: Api, aws: MockAws) -> None:
        api.put(url="https://shop.example/hooks")
        (row,) = aws.rows("Webhooks")
        aws.dynamodb.put_item(TableName=aws.refs["Webhooks"], Item={**row, "disabled_reason": {"S": "gone"}})
        assert api.put(**api.get()[1])[1]["disabled_reason"] == "gone"
        assert "disabled_reason" not in api.put(**{**api.get()[1], "enabled": True})[1]

    def test_a_deleted_webhook_is_not_found(self, api: Api) -> None:
        api.put(url="https://shop.example/hooks")
        assert [api.delete(), api.delete(), api.get()[0], api.secret()[0], api.rotate()[0]] == [204, 404, 404, 404, 404]
        assert api.put(url="https://shop.example/hooks")[1]["version"] == 1

    @pytest.mark.parametrize(
        ("url", "reason"),
        [
            ("ftp://shop.example/", "must start with"),
            ("http://169.254.169.254/latest/meta-data", "address"),
            ("https://user:pass@shop.example/", "credentials"),
        ],
    )
    def test_a_blocked_or_invalid_url_is_refused_when_it_is_saved(self, api: Api, url: str, reason: str) -> None:
        status, body = api.put(url=url)
        assert (status, reason in body["error"]["message"]) == (400, True)
        assert api.get()[0] == 404

    def test_white_space_around_a_url_is_stripped_before_it_is_stored(self, api: Api, aws: MockAws) -> None:
        assert api.put(url="\n https://shop.example/hooks\u00a0 ")[1]["url"] == "https://shop.example/hooks"
        assert aws.rows("Webhooks")[0]["url"] == {"S": "https://shop.example/hooks"}

    @pytest.mark.parametrize("place", ["https://sh{}op.example/hooks", "https://shop.example/hooks{}"])
    def test_an_invisible_character_in_a_url_is_a_400_that_names_it(self, api: Api, place: str) -> None:
        status, body = api.put(url=place.format("\u200b"))
        assert (status, "U+200B ZERO WIDTH SPACE" in body["error"]["message"]) == (400, True)
        assert api.get()[0] == 404

    def test_secrets_are_stored_encrypted_and_bound_to_their_webhook(self, api: Api, aws: MockAws) -> None:
        key = base64.b64decode(api.put(url="https://shop.example/hooks")[1]["secret"].removeprefix("whsec_"))
        assert len(key) == 32
        api.put("acme.other", url="https://shop.example/hooks")
        rows = {row["webhook_id"]["S"]: row for row in aws.rows("Webhooks")}
        assert key not in rows[ID]["sealed_key"]["B"]
        moved = {**rows["acme.other"], "sealed_key": rows[ID]["sealed_key"]}
        aws.dynamodb.put_item(TableName=aws.refs["Webhooks"], Item=moved)
        status, _ = api.call("get_webhook_secret", {"webhook_id": "acme.other"})
        assert status == 500

    def test_sensitive_values_are_masked_and_a_mask_keeps_them(self, api: Api) -> None:
        headers = {"Authorization": "Bearer s3cr3t", "X-Own": "s3cr3t", "X-Shop": "berlin"}
        api.put(url="https://shop.example/hooks", headers=headers, sensitive_headers=["x-own"])
        _, shown = api.get(scope="webhooks:read")
        assert shown["headers"] == {"Authorization": "••••", "X-Own": "••••", "X-Shop": "berlin"}
        managing = api.get(scope="webhooks:read webhooks:manage", parameters={"masked": "true"})
        assert managing == (200, shown)
        assert api.get(parameters={"masked": "false"})[1]["headers"] == headers
        assert api.get(parameters={"masked": "1"})[0] == 400
        _, body = api.call("list_webhooks", {}, parameters={"masked": "true"})
        assert body["webhooks"] == [shown]
        assert api.call("list_webhooks", {}, parameters={"masked": "no"})[0] == 400
        shown["headers"]["X-Shop"] = "hamburg"
        assert api.put(**shown)[0] == 200
        assert api.get()[1]["headers"] == {**headers, "X-Shop": "hamburg"}
        _, body = api.call("list_webhooks", {}, scope="webhooks:read")
        assert body["webhooks"][0]["headers"]["Authorization"] == "••••"

    def test_a_mask_without_a_stored_value_is_refused(self, api: Api) -> None:
        status, body = api.put(url="https://shop.example/hooks", headers={"Authorization": "••••"})
        assert (status, "give its value" in body["error"]["message"]) == (400, True)

    @pytest.mark.parametrize("call", ["secret", "rotate"])
    def test_reading_a_secret_requires_the_manage_scope(self, api: Api, call: str) -> None:
        api.put(url="https://shop.example/hooks")
        for change in ({"scope": "webhooks:read"}, {"webhooks": ["bcme.*"]}):
            assert getattr(api, call)(**change)[0] == 403

    def test_a_list_contains_only_the_webhooks_that_the_token_covers(self, api: Api) -> None:
        ids = ["a", "acme.a", "acme.b", "acme.c", "acmee", "b"]
        for webhook_id in reversed(ids):
            api.put(webhook_id, url="https://shop.example/hooks")
        assert api.list(["*"]) == (ids, None)
        assert api.list(["acme.*"]) == (["acme.a", "acme.b", "acme.c"], None)
        assert api.list(["b", "acme.b", "none", "a"]) == (["a", "acme.b", "b"], None)
        assert api.list(["acme.*", "acme.b", "acme.b.*", "b"]) == (["acme.a", "acme.b", "acme.c", "b"], None)

    @pytest.mark.parametrize(
        "patterns",
        [["*"], ["acme.*", "a", "b"], ["a", "acme.a", "acme.b", "acmee", "b", "x"], ["acme.*", "acme.a", "acme.a.*"]],
    )
    def test_pages_have_no_gaps_or_duplicates(self, api: Api, patterns: list[str]) -> None:
        for webhook_id in ("a", "acme.a", "acme.b", "acmee", "b"):
            api.put(webhook_id, url="https://shop.example/hooks")
        whole, _ = api.list(patterns)
        for limit in ("1", "2", "3"):
            found, cursor = api.list(patterns, limit=limit)
            while cursor:
                page, cursor = api.list(patterns, limit=limit, cursor=cursor)
                assert page
                assert not set(page) & set(found)
                found += page
            assert found == whole

    def test_openapi_refuses_what_put_refuses(self, api: Api) -> None:
        (operation,) = (each for each in operations().values() if each["operationId"] == "putWebhook")
        schema = validator(operation["requestBody"]["content"]["application/json"]["schema"])
        url = {"url": "https://shop.example/hooks"}
        for wrong in ({}, {**url, "enabled": 1}, {**url, "retry_schedule": [0]}, {**url, "secret": "whsec_"}):
            assert not schema.is_valid(wrong)
            assert api.put(**wrong)[0] == 400
        assert schema.is_valid(url)
        assert schema.is_valid(api.put(**url)[1] and api.get()[1])

    def test_a_page_of_the_largest_webhooks_fits_into_a_response(self, api: Api, aws: MockAws) -> None:
        """Fill a page with the largest webhooks.

        A client that may register webhooks must not be able to break the list for one that may read all of them.
        """
        status, _ = api.put(
            url="https://1.1.1.1/" + "😀" * 2_030,
            name="😀" * 256,
            headers={"X-Shop": '"\\' * 8_189},
            event_types=['"' * 125 + f"{number:03}" for number in range(100)],
            sensitive_headers=[f"{'x' * 253}{number:03}" for number in range(50)],
        )
        assert status == 201
        (row,) = aws.rows("Webhooks")
        ids = [f"{ID}.{number:02}" for number in range(50)]
        for webhook_id in ids:
            copy = {**row, "webhook_id": {"S": webhook_id}}
            aws.dynamodb.put_item(TableName=aws.refs["Webhooks"], Item=copy)
        app = aws.endpoint("list_webhooks")
        found: list[str] = []
        cursor: str | None = None
        while cursor or not found:
            parameters = {"limit": "100"} | ({"cursor": cursor} if cursor else {})
            event = api_event({}, webhooks=[f"{ID}.*"], scope=BOTH, parameters=parameters)
            response = app.lambda_handler(event, None)
            assert len(json.dumps(response)) < LAMBDA_BYTES
            page = json.loads(response["body"])
            found += [webhook["webhook_id"] for webhook in page["webhooks"]]
            cursor = page["next_cursor"]
        assert found == ids

    @pytest.mark.parametrize("parameters", [{"limit": "0"}, {"limit": "101"}, {"cursor": "x"}, {"status": "success"}])
    def test_a_parameter_out_of_range_is_refused(self, api: Api, parameters: dict[str, str]) -> None:
        assert api.call("list_webhooks", {}, parameters=parameters)[0] == 400


class TestLimit:
    """The limit of webhooks per prefix of a token."""

    HOOK: Final = {"url": "https://1.1.1.1/hooks"}

    @pytest.fixture
    def api(self, aws: MockAws) -> Api:
        return Api(aws, MAX_WEBHOOKS_PER_PREFIX="2")

    def test_one_webhook_over_the_limit_is_a_conflict(self, api: Api) -> None:
        token = {"webhooks": ["acme.*"]}
        for webhook_id in ("acme.a", "acme.b"):
            assert api.put_as(token, webhook_id, **self.HOOK)[0] == 201
        status, body = api.put_as(token, "acme.c", **self.HOOK)
        assert (status, body["error"]["code"]) == (409, "conflict")
        assert "the prefix acme.* already has 2 webhooks" in body["error"]["message"]
        assert api.list(["*"])[0] == ["acme.a", "acme.b"]
        assert api.put_as(token, "acme.a", **self.HOOK, version=1, name="as before")[0] == 200
        assert api.delete("acme.b") == 204
        assert api.put_as(token, "acme.c", **self.HOOK)[0] == 201

    def test_the_limit_applies_to_the_widest_prefix(self, api: Api) -> None:
        for webhook_id in ("acme.eu.a", "acme.us.a", "acmeX", "acme", "globex.a", "globex.b"):
            api.put(webhook_id, **self.HOOK)
        assert api.put_as({"webhooks": ["acme.eu.*"]}, "acme.eu.b", **self.HOOK)[0] == 201
        for webhooks in (["acme.eu.*", "acme.*"], ["acme.*", "acme.us.b"], ["acme.eu.*"]):
            covered = "acme.eu.c" if "acme.eu.*" in webhooks else "acme.us.b"
            assert api.put_as({"webhooks": webhooks}, covered, **self.HOOK)[0] == 409, webhooks
        assert api.put_as({"webhooks": ["acme.*", "initech.*"]}, "initech.a", **self.HOOK)[0] == 201

    def test_a_token_for_one_id_or_for_all_webhooks_has_no_limit(self, api: Api) -> None:
        for webhook_id in ("acme.a", "acme.b", "acme.c"):
            assert api.put(webhook_id, **self.HOOK)[0] == 201
        assert api.put_as({"webhooks": ["acme.d", "globex.*"]}, "acme.d", **self.HOOK)[0] == 201
        assert api.put_as({"webhooks": ["acme.*", "*"]}, "acme.e", **self.HOOK)[0] == 201
        assert api.put_as({"webhooks": ["acme.*"]}, "acme.f", **self.HOOK)[0] == 409

    def test_counting_reads_no_more_than_the_limit_once(self, aws: MockAws, aws_endpoint: str) -> None:
        unlimited = Api(aws)
        for number in range(7):
            unlimited.put(f"acme.{number}", **self.HOOK)
        asked: list[dict[str, Any]] = []

        def watch(call: AwsRequest) -> None:
            asked.extend([json.loads(call.body)] if call.operation == "Query" else [])

        with FaultyService(aws_endpoint) as dynamodb, dynamodb.breaking(watch):
            api = Api(aws, MAX_WEBHOOKS_PER_PREFIX="3", AWS_ENDPOINT_URL_DYNAMODB=dynamodb.url)
            assert api.put_as({"webhooks": ["acme.*"]}, "acme.7", **self.HOOK)[0] == 409
            assert api.put_as({"webhooks": ["acme.*"]}, "acme.1", **self.HOOK, version=1)[0] == 200
            assert api.put_as({"webhooks": ["*"]}, "acme.8", **self.HOOK)[0] == 201
        (query,) = asked
        assert (query["Select"], query["Limit"], query["IndexName"]) == ("COUNT", 3, "listed")


class TestSending:
    def test_a_message_without_a_url_is_signed_and_sent_to_its_webhooks_url(
        self, api: Api, sender: ModuleType, receiver: Receiver
    ) -> None:
        headers = {"X-Shop": "berlin", "x-side": "webhook"}
        _, created = api.put(url=receiver.url("/status/200"), enabled=True, headers=headers)
        assert send(sender, {"headers": {"X-Side": "message"}}) == []
        (request,) = receiver.requests
        assert Verifier(created["secret"]).verify(request.body, dict(request.headers)) == {"order": 1742}
        sent = {name.lower(): value for name, value in request.headers}
        assert (sent["x-shop"], sent["x-side"]) == ("berlin", "message")

    def test_a_key_copied_to_another_webhook_cannot_sign(
        self, api: Api, aws: MockAws, sender: ModuleType, receiver: Receiver
    ) -> None:
        for webhook_id in (ID, "evil.copy"):
            api.put(webhook_id, url=receiver.url("/status/200"), enabled=True)
        rows = {row["webhook_id"]["S"]: row for row in aws.rows("Webhooks")}
        copied = {**rows["evil.copy"], "sealed_key": rows[ID]["sealed_key"]}
        aws.dynamodb.put_item(TableName=aws.refs["Webhooks"], Item=copied)
        assert send(sender, {}) == []
        assert len(send(sender, {"webhook_id": "evil.copy"})) == 1
        assert len(receiver.requests) == 1

    def test_white_space_in_a_stored_url_is_stripped_before_sending(
        self, api: Api, aws: MockAws, sender: ModuleType, receiver: Receiver
    ) -> None:
        url = receiver.url("/status/200")
        api.put(url=url, enabled=True)
        (row,) = aws.rows("Webhooks")
        aws.dynamodb.put_item(TableName=aws.refs["Webhooks"], Item={**row, "url": {"S": f" {url} "}})
        assert api.get()[1]["url"] == url
        assert send(sender, {}) == []
        assert [request.path for request in receiver.requests] == ["/status/200"]
        assert api.put(**{**api.get()[1], "name": "Shop"})[0] == 200

    def test_a_message_with_a_url_is_sent_unchanged_without_reading_its_webhook(
        self, api: Api, aws: MockAws, sender: ModuleType, receiver: Receiver
    ) -> None:
        api.put(url=receiver.url("/status/500"), enabled=True, event_types=["none"], headers={"X-Shop": "berlin"})
        aws.dynamodb.delete_table(TableName=aws.refs["Webhooks"])
        assert send(sender, {"url": receiver.url("/status/200")}) == []
        (request,) = receiver.requests
        assert {name.lower() for name, _ in request.headers}.isdisjoint({"webhook-signature", "x-shop"})

    def test_both_secrets_sign_during_a_rotation(
        self, api: Api, aws: MockAws, sender: ModuleType, receiver: Receiver
    ) -> None:
        _, created = api.put(url=receiver.url("/status/200"), enabled=True)
        _, rotated = api.rotate()
        send(sender, {})
        row = aws.rows("Webhooks")[0]
        aws.dynamodb.put_item(TableName=aws.refs["Webhooks"], Item={**row, "previous_until": {"N": "1"}})
        send(aws.start("SendWebhooksFunction", ALLOW_HTTP="true"), {})
        during, after = receiver.requests
        for secret in (created["secret"], rotated["secret"]):
            Verifier(secret).verify(during.body, dict(during.headers))
        Verifier(rotated["secret"]).verify(after.body, dict(after.headers))
        signatures = [{n.lower(): v for n, v in each.headers}["webhook-signature"] for each in receiver.requests]
        assert [len(signature.split()) for signature in signatures] == [2, 1]

    def test_every_secret_signs_until_its_own_end(
        self, api: Api, aws: MockAws, sender: ModuleType, receiver: Receiver
    ) -> None:
        own = [format_secret(bytes([number]) * 24 + PLANTED.encode()) for number in range(12)]
        _, created = api.put(url=receiver.url("/status/200"), enabled=True)

        def signing() -> list[str]:
            """Send a message, and return the secrets that have signed it, in the order of the signatures."""
            started = sender if not receiver.requests else aws.start("SendWebhooksFunction", ALLOW_HTTP="true")
            assert send(started, {}) == []
            request = receiver.requests[-1]
            sent = {name.lower(): value for name, value in request.headers}
            at = datetime.fromtimestamp(int(sent["webhook-timestamp"]), UTC)
            each = {Verifier(one).sign(sent["webhook-id"], at, request.body.decode()): one for one in secrets}
            return [each[signature] for signature in sent["webhook-signature"].split()]

        secrets = [created["secret"], *own]
        before = datetime.now(UTC).replace(microsecond=0)
        status, body = api.rotate({"secret": own[0], "overlap_hours": 168})
        until = datetime.fromisoformat(body["previous_valid_until"])
        assert (status, body["secret"]) == (200, own[0])
        assert timedelta() <= until - before - timedelta(hours=168) < timedelta(minutes=1)
        assert api.rotate({"secret": own[0], "overlap_hours": 1}) == (200, body), "nothing changes"
        _, again = api.rotate({"secret": own[1], "overlap_hours": 1})
        assert datetime.fromisoformat(again["previous_valid_until"]) < until
        assert api.secret()[1] == again
        assert signing() == [own[1], own[0], created["secret"]]
        api.put(url=receiver.url("/status/200"), enabled=True, version=1)
        assert api.rotate({"secret": own[0]})[0] == 200
        assert signing() == [own[0], own[1], created["secret"]], "a previous secret becomes the current one"
        (row,) = aws.rows("Webhooks")
        aws.dynamodb.put_item(TableName=aws.refs["Webhooks"], Item={**row, "previous_until": {"N": "1"}})
        assert signing() == [own[0], created["secret"]]
        assert api.secret()[1]["previous_valid_until"] == body["previous_valid_until"]
        assert [api.rotate({"secret": secret})[0] for secret in own[2:]] == [200] * 8 + [409, 409]
        assert signing() == [*reversed(own[2:10]), own[0], created["secret"]]
        assert api.rotate({"secret": own[9], "overlap_hours": 0})[1]["previous_valid_until"] is None
        assert signing() == [own[9]]
        _, generated = api.rotate({"overlap_hours": 0})
        assert (generated["previous_valid_until"], api.secret()[1]) == (None, generated)

    def test_an_unknown_or_disabled_webhook_gets_an_execution_that_can_be_resent(
        self, api: Api, aws: MockAws, sender: ModuleType, receiver: Receiver
    ) -> None:
        api.put("acme.off", url=receiver.url("/status/200"))
        assert send(sender, {"message_id": "m1"}, {"message_id": "m2", "webhook_id": "acme.off"}) == []
        assert receiver.requests == []
        rows = {row["webhook_id"]["S"]: row for row in history(aws)}
        assert {name: error_type(aws, row) for name, row in rows.items()} == {
            ID: "unknown_webhook",
            "acme.off": "disabled_webhook",
        }
        assert all(row["hard_error"]["BOOL"] and row["exhausted"]["BOOL"] for row in rows.values())
        assert aws.waiting("WebhookQueue") == 0
        api.put(url=receiver.url("/status/200"), enabled=True)
        resend = aws.endpoint("resend_execution")
        path = {"webhook_id": ID, "execution_id": rows[ID]["executed_at"]["S"]}
        assert resend.lambda_handler(api_event(path, scope="executions:resend"), None)["statusCode"] == 202
        assert sender.lambda_handler(aws.take("WebhookQueue"), CONTEXT) == {"batchItemFailures": []}
        (request,) = receiver.requests
        assert request.body == b'{"order":1742}'

    def test_a_resend_or_recovery_uses_the_webhook_as_it_is_when_requested(
        self, api: Api, aws: MockAws, sender: ModuleType, receiver: Receiver
    ) -> None:
        api.put(url=receiver.url("/status/500"), enabled=True, retry_schedule=[])
        send(sender, {"message_id": "m1"})
        api.put(url=receiver.url("/status/200"), version=1)
        (failed,) = history(aws)
        path = {"webhook_id": ID, "execution_id": failed["executed_at"]["S"]}
        resend = aws.endpoint("resend_execution")
        for enabled, version in ((False, 2), (True, 3)):
            api.put(url=receiver.url("/status/200"), enabled=enabled, version=version)
            resend.lambda_handler(api_event(path, scope="executions:resend"), None)
            sender.lambda_handler(aws.take("WebhookQueue"), CONTEXT)
        assert [request.path for request in receiver.requests] == ["/status/500", "/status/200"]
        assert [row["result"]["N"] for row in history(aws)] == ["500", "0", "200"]

    def test_an_unsubscribed_event_type_is_not_sent_and_leaves_no_execution(
        self, api: Api, aws: MockAws, sender: ModuleType, receiver: Receiver, caplog: pytest.LogCaptureFixture
    ) -> None:
        api.put(url=receiver.url("/status/200"), enabled=True, event_types=["order.created", "item.*"])
        accepted, others = ("order.created", "item.added"), ("order.paid", "item")
        assert send(sender, *({"event_type": each} for each in (*accepted, *others)), {}) == []
        assert len(receiver.requests) == len(history(aws)) == 2
        (line,) = [log for log in caplog.records if log.__dict__.get("event") == "batch_processed"]
        assert line.__dict__["not_subscribed"] == 3

    def test_a_retry_uses_the_webhooks_current_url(
        self, api: Api, aws: MockAws, sender: ModuleType, receiver: Receiver
    ) -> None:
        _, created = api.put(url=receiver.url("/status/500"), enabled=True, retry_schedule=[1], timeout_seconds=3)
        send(sender, {"message_id": "m1", "headers": {"X-Own": "1"}, "event_type": "a"})
        _, rotated = api.rotate()
        api.put(
            url=receiver.url("/status/200"), enabled=True, headers={"X-Shop": "b"}, version=1, event_types=["other"]
        )
        later = aws.start("SendWebhooksFunction", ALLOW_HTTP="true")
        assert later.lambda_handler(aws.take("WebhookQueue"), CONTEXT) == {"batchItemFailures": []}
        first, second = receiver.requests
        sent = {name.lower(): value for name, value in second.headers}
        assert (second.path, second.body, sent["x-own"], sent["x-shop"]) == ("/status/200", first.body, "1", "b")
        for secret in (created["secret"], rotated["secret"]):
            Verifier(secret).verify(second.body, dict(second.headers))

    def test_a_retry_to_a_webhook_disabled_meanwhile_is_not_sent(
        self, api: Api, aws: MockAws, sender: ModuleType, receiver: Receiver
    ) -> None:
        api.put(url=receiver.url("/status/500"), enabled=True, retry_schedule=[1])
        send(sender, {})
        api.put(url=receiver.url("/status/500"), version=1)
        aws.start("SendWebhooksFunction", ALLOW_HTTP="true").lambda_handler(aws.take("WebhookQueue"), CONTEXT)
        assert len(receiver.requests) == 1
        assert error_type(aws, history(aws)[-1]) == "disabled_webhook"

    def test_a_webhooks_own_retry_schedule_is_used(
        self, api: Api, aws: MockAws, sender: ModuleType, receiver: Receiver
    ) -> None:
        api.put(url=receiver.url("/status/500"), enabled=True, retry_schedule=[])
        send(sender, {})
        (row,) = history(aws)
        assert row["exhausted"]["BOOL"]

    def test_a_warm_sender_reads_no_webhook(
        self, api: Api, aws: MockAws, sender: ModuleType, receiver: Receiver
    ) -> None:
        api.put(url=receiver.url("/status/200"), enabled=True)
        send(sender, *[{}] * 10)
        aws.dynamodb.delete_table(TableName=aws.refs["Webhooks"])
        assert send(sender, *[{}] * 10) == []
        assert len(receiver.requests) == 20

    @pytest.mark.parametrize("out_of_reach", ["table", "key"])
    def test_a_message_returns_to_the_queue_if_its_webhook_cannot_be_read(
        self,
        api: Api,
        aws: MockAws,
        sender: ModuleType,
        receiver: Receiver,
        monkeypatch: pytest.MonkeyPatch,
        out_of_reach: str,
    ) -> None:
        api.put(url=receiver.url("/status/200"), enabled=True)
        if out_of_reach == "table":
            aws.dynamodb.delete_table(TableName=aws.refs["Webhooks"])
        else:
            monkeypatch.setenv("AWS_ENDPOINT_URL_KMS", "http://127.0.0.1:1")
        assert len(send(sender, {}, {})) == 2
        assert receiver.requests == []
        assert history(aws) == []
