"""List prices in USD, us-east-1, arm64, with where and when they were read. Free tiers and discounts are left out."""

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
    STANDING = "standing: keys, secrets, alarms, polling"


@dataclass(frozen=True, slots=True)
class Price:
    """USD for so many of something."""

    usd: float
    per: float
    what: str
    source: str
    read: str
    """When the source says it, or was read; everything comes from stored copies of pages, none was asked for live."""

    def of(self, quantity: float) -> float:
        return quantity * self.usd / self.per


_MILLION: Final = 1_000_000
_DYNAMODB: Final = "airbyte.com/data-engineering-resources/dynamodb-pricing"
_SQS: Final = "cloudburn.io/blog/amazon-sqs-pricing"
_EVENTBRIDGE: Final = "cloudburn.io/blog/amazon-eventbridge-pricing"
_LAMBDA: Final = "cloudchipr.com/blog/aws-lambda-pricing"
_KNOWN: Final = "not confirmed: as known in 2025"
_CLASSES: Final = "finops.com.py/services/dynamodb/table-classes: 60 % less, 25 % more"

PRICES: Final[dict[Unit, Price]] = {
    Unit.WRITE_UNIT: Price(0.625, _MILLION, "a million, on demand", _DYNAMODB, "2025-07-21"),
    Unit.READ_UNIT: Price(0.125, _MILLION, "a million, on demand", _DYNAMODB, "2025-07-21"),
    Unit.STORED_GB: Price(0.25, 1, "a GB-month", _KNOWN, "-"),
    Unit.BACKED_UP_GB: Price(0.20, 1, "a GB-month of the table", _KNOWN, "-"),
    Unit.INVOCATION: Price(0.20, _MILLION, "a million", _LAMBDA, "2024"),
    Unit.GB_SECOND: Price(13.3334, _MILLION, "a million GB-seconds, arm64", _LAMBDA, "2024"),
    Unit.SQS_REQUEST: Price(0.40, _MILLION, "a million, 64 KB each", _SQS, "2026-03-14"),
    Unit.FAIR_REQUEST: Price(0.10, _MILLION, "a million on top, with a message group", _SQS, "2026-03-14"),
    Unit.SCHEDULE: Price(1.00, _MILLION, "a million invocations", _EVENTBRIDGE, "2026-03-13"),
    Unit.DECRYPT: Price(0.03, 10_000, "ten thousand", _KNOWN, "-"),
    Unit.LOGGED_GB: Price(0.50, 1, "a GB taken in", "duckbillgroup.com, on Lambda's logs", "2025-05"),
    Unit.SENT_GB: Price(0.09, 1, "a GB", "blog.awsfundamentals.com/sqs-pricing", "2023"),
}

STANDING: Final[dict[str, Price]] = {
    "AWS::SecretsManager::Secret": Price(0.40, 1, "a secret and month", _KNOWN, "-"),
    "AWS::KMS::Key": Price(1.00, 1, "a key and month", _KNOWN, "-"),
    "AWS::CloudWatch::Alarm": Price(0.10, 1, "a metric of an alarm and month", _KNOWN, "-"),
    "AWS::CloudWatch::Dashboard": Price(3.00, 1, "a dashboard and month", _KNOWN, "-"),
    "AWS::CloudWatch::InsightRule": Price(0.50, 1, "a rule and month", _KNOWN, "-"),
    "metric": Price(0.30, 1, "a custom metric and month", "courseiva.com/learn/saa-c03/cloudwatch-cost", "2026"),
}

KMS_ROTATION: Final = Price(
    1.00, 1, "a month more for each of a key's first two rotations", "cloudburn.io/blog/aws-kms-pricing", "2026-03-14"
)
WRITE_CAPACITY: Final = Price(0.00065, 1, "a unit and hour, provisioned", "zeonedge.com/en/blog", "2025")
READ_CAPACITY: Final = Price(0.00013, 1, "a unit and hour, provisioned", _KNOWN, "-")
INFREQUENT_GB: Final = Price(0.10, 1, "a GB-month, infrequent access", _CLASSES, "2026-11-24")
INFREQUENT_UNITS: Final = Price(1.25, 1, "times as much, infrequent access", _CLASSES, "2026-11-24")


@dataclass(frozen=True, slots=True)
class Offer:
    """What somebody else asks for the same webhooks."""

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


OFFERS: Final = (
    Offer("Svix Professional", 490, 100, 50_000, "svix.com/pricing, by way of api-evangelist/svix", "2026-09-20",
          "$490 and $100 for a million; 90 days of payloads"),
    Offer("Hookdeck Growth", 499, 3.30, 10_000, "hookdeck.com/pricing, by way of api-evangelist/hookdeck", "2026-09-20",
          "30 days; reckoned at its lowest rate for events ($0.33 for 100,000; the highest is $1), without throughput"),
    Offer("EventBridge API destinations", 0, 1.20, 0, "cloudburn.io/blog/amazon-eventbridge-pricing", "2026-03-13",
          "no history; 5 s an answer; $1 for the event and $0.20 for its delivery, data out besides"),
)  # fmt: skip
