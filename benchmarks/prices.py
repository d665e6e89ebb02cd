"""List prices in USD, us-east-1, arm64, with source and date.

No free tiers or discounts.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Unit(StrEnum):
    """What is paid for."""

    WRITE_UNIT = "DynamoDB write units"
    READ_UNIT = "DynamoDB read units"
    STORED_GB = "DynamoDB storage, 90 days"
    BACKED_UP_GB = "DynamoDB point-in-time recovery"
    INVOCATION = "Lambda requests"
    GB_SECOND = "Lambda duration"
    SQS_REQUEST = "SQS requests"
    FAIR_REQUEST = "SQS fair queue"
    SCHEDULE = "EventBridge Scheduler"
    DECRYPT = "KMS decrypts"
    LOGGED_GB = "CloudWatch Logs"
    SENT_GB = "data out to receivers"
    METRIC = "CloudWatch metrics"
    STANDING = "fixed: keys, secrets, alarms, polling"


@dataclass(frozen=True, slots=True)
class Price:
    """USD per quantity."""

    usd: float
    per: float
    what: str
    source: str
    read: str
    """Date of the source, or when it was read. All are stored copies of pages, none is live."""

    def of(self, quantity: float) -> float:
        return quantity * self.usd / self.per


_MILLION: Final = 1_000_000
_DYNAMODB: Final = "airbyte.com/data-engineering-resources/dynamodb-pricing"
_SQS: Final = "cloudburn.io/blog/amazon-sqs-pricing"
_EVENTBRIDGE: Final = "cloudburn.io/blog/amazon-eventbridge-pricing"
_LAMBDA: Final = "cloudchipr.com/blog/aws-lambda-pricing"
_KNOWN: Final = "not confirmed: as known in 2025"
_NAT: Final = "cloudburn.io/blog/aws-nat-gateway-pricing"
_PRIVATELINK: Final = "awsnegotiations.com/privatelink-cost-analysis.html"
_CLASSES: Final = "finops.com.py/services/dynamodb/table-classes: 60 % less, 25 % more"

PRICES: Final[dict[Unit, Price]] = {
    Unit.WRITE_UNIT: Price(0.625, _MILLION, "million, on demand", _DYNAMODB, "2025-07-21"),
    Unit.READ_UNIT: Price(0.125, _MILLION, "million, on demand", _DYNAMODB, "2025-07-21"),
    Unit.STORED_GB: Price(0.25, 1, "GB-month", _KNOWN, "-"),
    Unit.BACKED_UP_GB: Price(0.20, 1, "GB-month of the table", _KNOWN, "-"),
    Unit.INVOCATION: Price(0.20, _MILLION, "million", _LAMBDA, "2024"),
    Unit.GB_SECOND: Price(13.3334, _MILLION, "million GB-seconds, arm64", _LAMBDA, "2024"),
    Unit.SQS_REQUEST: Price(0.40, _MILLION, "million, 64 KB each", _SQS, "2026-03-14"),
    Unit.FAIR_REQUEST: Price(0.10, _MILLION, "million in addition, with a message group", _SQS, "2026-03-14"),
    Unit.SCHEDULE: Price(1.00, _MILLION, "million invocations", _EVENTBRIDGE, "2026-03-13"),
    Unit.DECRYPT: Price(0.03, 10_000, "ten thousand", _KNOWN, "-"),
    Unit.LOGGED_GB: Price(0.50, 1, "GB ingested", "duckbillgroup.com, on Lambda's logs", "2025-05"),
    Unit.METRIC: Price(
        0.30, 1, "metric and month, by hours with values", "courseiva.com/learn/saa-c03/cloudwatch-cost", "2026"
    ),
    Unit.SENT_GB: Price(0.09, 1, "GB", "blog.awsfundamentals.com/sqs-pricing", "2023"),
}

STANDING: Final[dict[str, Price]] = {
    "AWS::SecretsManager::Secret": Price(0.40, 1, "secret and month", _KNOWN, "-"),
    "AWS::KMS::Key": Price(1.00, 1, "key and month", _KNOWN, "-"),
    "AWS::CloudWatch::Alarm": Price(0.10, 1, "metric of an alarm and month", _KNOWN, "-"),
    "AWS::CloudWatch::Dashboard": Price(3.00, 1, "dashboard and month", _KNOWN, "-"),
}

KMS_ROTATION: Final = Price(
    1.00, 1, "month, extra per key and rotation, twice at most", "cloudburn.io/blog/aws-kms-pricing", "2026-03-14"
)
WRITE_CAPACITY: Final = Price(0.00065, 1, "unit and hour, provisioned", "zeonedge.com/en/blog", "2025")
READ_CAPACITY: Final = Price(0.00013, 1, "unit and hour, provisioned", _KNOWN, "-")
INFREQUENT_GB: Final = Price(0.10, 1, "GB-month, infrequent access", _CLASSES, "2026-11-24")
INFREQUENT_UNITS: Final = Price(1.25, 1, "times the price, infrequent access", _CLASSES, "2026-11-24")

NAT_HOUR: Final = Price(0.045, 1, "NAT gateway and hour", _NAT, "2026-02-24")
NAT_GB: Final = Price(0.045, 1, "GB through a NAT gateway, both directions", _NAT, "2026-02-24")
ADDRESS_HOUR: Final = Price(0.005, 1, "public IPv4 address and hour", _NAT, "2026-02-24")
ENDPOINT_HOUR: Final = Price(0.01, 1, "interface endpoint, availability zone and hour", _PRIVATELINK, "2026-05")
ENDPOINT_GB: Final = Price(0.01, 1, "GB through an interface endpoint", _PRIVATELINK, "2026-05")


@dataclass(frozen=True, slots=True)
class Alternative:
    """A competitor's price for the same webhooks."""

    name: str
    monthly: float
    million: float
    included: float
    source: str
    read: str
    remark: str

    def usd(self, webhooks: float) -> float:
        """A month."""
        return self.monthly + max(webhooks - self.included, 0) / _MILLION * self.million


ALTERNATIVES: Final = (
    Alternative(
        "Svix Professional", 490, 100, 50_000, "svix.com/pricing, via api-evangelist/svix", "2026-09-20",
        "$490, plus $100 per million; payloads for 90 days",
    ),
    Alternative(
        "Hookdeck Growth", 499, 3.30, 10_000, "hookdeck.com/pricing, via api-evangelist/hookdeck", "2026-09-20",
        "30 days; at its lowest event price ($0.33 per 100,000; the highest is $1), without throughput",
    ),
    Alternative(
        "EventBridge API destinations", 0, 1.20, 0, "cloudburn.io/blog/amazon-eventbridge-pricing", "2026-03-13",
        "no history; 5 s timeout; $1 per event and $0.20 per delivery, plus data out",
    ),
)  # fmt: skip
