"""Calculated tables of docs/cost.md, docs/scaling.md and docs/performance.md.

Writes them into the documents: python -m docs.tables

Each is between `<!-- name -->` and `<!-- end -->`. A test compares the text exactly and the numbers within a tenth.
"""

import math
import re
from bisect import bisect
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from benchmarks import lean
from benchmarks.bill import (
    Terms,
    count_key_rotations,
    counting_bill,
    list_standing_resources,
    monthly_bill,
    monthly_load,
    standing_cost,
)
from benchmarks.capacity import Deployment, Load, Receivers, scale_up
from benchmarks.hot_webhook import OVERLOADS, Overload
from benchmarks.peers import CANDIDATES, FLOORS_US
from benchmarks.prices import (
    ADDRESS_HOUR,
    ALTERNATIVES,
    ENDPOINT_GB,
    ENDPOINT_HOUR,
    INFREQUENT_GB,
    INFREQUENT_UNITS,
    KMS_ROTATION,
    NAT_GB,
    NAT_HOUR,
    PRICES,
    READ_CAPACITY,
    STANDING,
    WRITE_CAPACITY,
    Price,
    Unit,
)
from benchmarks.quotas import QUOTAS, SCENARIOS, Quota, at_rate
from benchmarks.usage import USAGE
from tests.template import load_template

DOCS: Final = Path(__file__).parent
DOCUMENTS: Final = tuple(DOCS / f"{name}.md" for name in ("cost", "scaling", "performance", "network"))

MILLION: Final = 1_000_000
VOLUMES: Final = (MILLION, 10 * MILLION, 100 * MILLION, 1000 * MILLION)
RATES: Final = (10, 100, 1000, 10_000, 100_000)

DEFAULTS: Final = Deployment()
ON_DEMAND: Final = Terms()
WINDOW: Final = Deployment(window_seconds=1)
LEAN_PARAMETERS: Final = lean.read_overrides()
"""The parameters of samconfig.toml's section `lean`."""
LEAN: Final = lean.to_deployment(LEAN_PARAMETERS)
NETWORK: Final = DOCS / "network.yaml"
MONTH_HOURS: Final = 730
SUDDEN_RATES: Final = (10, 100, 1000)
USED: Final = (0.7, 0.6, 0.5)
"""Utilization of provisioned capacity."""

Row = Iterable[str]

_MARKED = re.compile(r"(<!-- ([a-z ]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def main() -> None:
    for document in DOCUMENTS:
        document.write_text(fill_tables(document.read_text()))


def fill_tables(text: str) -> str:
    """Return the document with its tables recalculated."""
    return _MARKED.sub(lambda found: f"{found[1]}{TABLES[found[2]]()}{found[3]}", text)


def per_million(webhooks: float, deployment: Deployment = DEFAULTS, terms: Terms = ON_DEMAND) -> float:
    """Return USD per million webhooks."""
    load = monthly_load(webhooks, deployment=deployment)
    return _to_per_million(sum(monthly_bill(webhooks, load, terms).values()), webhooks)


def render_cost() -> str:
    loads = [monthly_load(volume) for volume in VOLUMES]
    bills = [monthly_bill(volume, load) for volume, load in zip(VOLUMES, loads, strict=True)]
    rows = [
        [unit, *(_format_usd(_to_per_million(bill[unit], volume)) for bill, volume in zip(bills, VOLUMES, strict=True))]
        for unit in Unit
    ]
    totals = [sum(bill.values()) for bill in bills]
    rows += [
        [
            "**USD per million**",
            *(f"**{_to_per_million(total, volume):.2f}**" for total, volume in zip(totals, VOLUMES, strict=True)),
        ],
        ["USD per month", *(f"{total:,.0f}" for total in totals)],
        ["webhooks per batch", *(f"{load.batch_fill:.1f}" for load in loads)],
    ]
    return _build_table(["webhooks per month", *_format_volumes()], rows)


def counting_per_million(volume: float, webhooks: int) -> float:
    """Return the USD per million of counting the executions of so many active webhooks."""
    load = replace(monthly_load(volume), webhooks=webhooks)
    return _to_per_million(sum(counting_bill(volume, load).values()), volume)


def count_webhooks_within(usd: float, volume: float) -> int:
    """Return the number of active webhooks up to which counting costs at most this per million."""
    return bisect(range(1, MILLION), usd, key=lambda webhooks: counting_per_million(volume, webhooks))


def _round_down(number: int) -> int:
    """Return a number with only its first two digits."""
    unit: int = 10 ** max(len(str(number)) - 2, 0)
    return number // unit * unit


def render_counting() -> str:
    bills = [counting_bill(volume, monthly_load(volume)) for volume in VOLUMES]
    rows = [
        [unit, *(_format_usd(_to_per_million(bill[unit], volume)) for bill, volume in zip(bills, VOLUMES, strict=True))]
        for unit in bills[0]
    ]
    rows.append(["**counting**", *(f"**{counting_per_million(volume, 1000):.2f}**" for volume in VOLUMES)])
    for webhooks in (100, 10_000):
        costs = (_format_usd(counting_per_million(volume, webhooks)) for volume in VOLUMES)
        rows.append([f"with {webhooks:,} webhooks", *costs])
    within = (f"{_round_down(count_webhooks_within(0.15, volume)):,}" for volume in VOLUMES)
    rows.append(["webhooks at 0.15 per million", *within])
    return _build_table(["USD per million, at a monthly volume of", *_format_volumes()], rows)


def render_alternatives() -> str:
    rows = [["Hooklog, the template's defaults", *(f"{per_million(volume):.2f}" for volume in VOLUMES), "-"]]
    for alternative in ALTERNATIVES:
        each = (f"{_to_per_million(alternative.usd(volume), volume):.2f}" for volume in VOLUMES)
        rows.append([alternative.name, *each, f"{alternative.source}, {alternative.read}: {alternative.remark}"])
    return _build_table(["USD per million, at a monthly volume of", *_format_volumes(), "source"], rows)


def render_levers() -> str:
    """Show `lean`'s parameters, each added to those before it."""
    rows = [["the template's defaults", *_cost_by_volume({})]]
    for count, (name, value) in enumerate(LEAN_PARAMETERS.items(), 1):
        rows.append([f"… `{name}={value}`", *_cost_by_volume(dict(list(LEAN_PARAMETERS.items())[:count]))])
    rows[-1] = [f"**{cell}**" for cell in rows[-1]]
    rows += [[f"the same, at {used:.0%} utilization", *_cost_by_volume(LEAN_PARAMETERS, used)] for used in USED[1:]]
    return _build_table(["USD per million, at a monthly volume of", *_format_volumes()], rows)


def render_lean() -> str:
    """Compare `lean`'s bill with the defaults, at a hundred million a month."""
    volume = VOLUMES[2]
    loads = monthly_load(volume), monthly_load(volume, deployment=LEAN)
    bills = monthly_bill(volume, loads[0]), monthly_bill(volume, loads[1], lean.to_terms(LEAN_PARAMETERS))
    rows = [[unit, *(_format_usd(_to_per_million(bill[unit], volume)) for bill in bills)] for unit in Unit]
    rows += [
        ["**USD per million**", *(f"**{_to_per_million(sum(bill.values()), volume):.2f}**" for bill in bills)],
        ["USD per month", *(f"{sum(bill.values()):,.0f}" for bill in bills)],
        ["webhooks per batch", *(f"{load.batch_fill:.1f}" for load in loads)],
    ]
    return _build_table(["100 million a month", "the defaults", "`lean`"], rows)


def render_scale_up() -> str:
    """Show how `lean`'s capacity follows a sudden load."""
    first = int(LEAN_PARAMETERS["WriteCapacityMin"])
    rows = []
    for rate in SUDDEN_RATES:
        result = scale_up(rate, first)
        rows.append([f"{rate:,}", f"{result.minutes:,.0f}", f"{result.late:,.0f}"])
    head = [f"executions per second, from {first} units", "minutes until it suffices", "executions logged late"]
    return _build_table(head, rows)


def lean_per_million(webhooks: float, used: float = USED[0]) -> float:
    """Return USD per million webhooks at this monthly volume."""
    return per_million(webhooks, LEAN, lean.to_terms(LEAN_PARAMETERS, used))


def _cost_by_volume(parameters: dict[str, str], used: float = USED[0]) -> Iterator[str]:
    deployment, terms = lean.to_deployment(parameters), lean.to_terms(parameters, used)
    return (f"{per_million(volume, deployment, terms):.2f}" for volume in VOLUMES)


def render_receivers() -> str:
    """Show what slow receivers cost, at a hundred million a month."""
    rows = []
    for name, receivers in (
        ("all respond within 100 ms", Receivers(slow_seconds=0.1, hanging=0)),
        ("half within 100 ms, 1 % takes 1 s or more", Receivers(hanging=0)),
        ("… and 0.1 % time out after 15 s (the tables above)", Receivers()),
        ("… and 1 % time out", Receivers(hanging=0.01)),
    ):
        load = monthly_load(VOLUMES[2], receivers=(receivers,), deployment=WINDOW)
        total = _to_per_million(sum(monthly_bill(VOLUMES[2], load).values()), VOLUMES[2])
        rows.append([name, f"{1000 * load.batch_seconds:,.0f}", f"{load.batch_fill:.1f}", f"{total:.2f}"])
    return _build_table(["receivers", "batch, ms", "webhooks per batch", "USD per million"], rows)


def render_usage() -> str:
    names = ("write_units", "read_units", "sqs_requests", "schedules", "decrypts")
    sizes = ("summary_bytes", "index_bytes", "details_bytes", "log_bytes", "sent_bytes")
    rows = [
        [kind, *(f"{getattr(usage, name):g}" for name in names), *(f"{getattr(usage, size):,.0f}" for size in sizes)]
        for kind, usage in USAGE.items()
    ]
    headings = [name.replace("_", " ") for name in (*names, *sizes)]
    return _build_table(["one webhook", *headings], rows)


def render_prices() -> str:
    rows = [[unit, *_price_cells(price)] for unit, price in PRICES.items()]
    rows += [[kind.removeprefix("AWS::"), *_price_cells(price)] for kind, price in STANDING.items()]
    rows += [
        ["KMS rotation", *_price_cells(KMS_ROTATION)],
        ["write capacity", *_price_cells(WRITE_CAPACITY)],
        ["read capacity", *_price_cells(READ_CAPACITY)],
        ["storage", *_price_cells(INFREQUENT_GB)],
        ["units and capacity", *_price_cells(INFREQUENT_UNITS)],
    ]
    return _build_table(["", "USD", "per", "source", "as of"], rows)


def render_network() -> str:
    """Show what the network of docs/network.yaml costs a month."""
    kinds = Counter(_read_network_kinds())
    gateways, endpoints = kinds["AWS::EC2::NatGateway"], kinds["Interface"]
    parts = {
        "NAT gateways": (gateways, NAT_HOUR),
        "their addresses": (kinds["AWS::EC2::EIP"], ADDRESS_HOUR),
        "interface endpoints (optional), each in both zones": (gateways * endpoints, ENDPOINT_HOUR),
    }
    rows = [[name, f"{count}", f"{price.of(count * MONTH_HOURS):.2f}"] for name, (count, price) in parts.items()]
    return _build_table(["", "count", "USD per month"], rows)


def _read_network_kinds() -> Iterator[str]:
    """Yield each resource's type, or the type of an endpoint."""
    for resource in load_template(NETWORK)["Resources"].values():
        yield resource.get("Properties", {}).get("VpcEndpointType", resource["Type"])


def render_network_prices() -> str:
    prices = (NAT_HOUR, ADDRESS_HOUR, NAT_GB, ENDPOINT_HOUR, ENDPOINT_GB)
    return _build_table(["USD", "per", "source", "as of"], map(_price_cells, prices))


def render_standing() -> str:
    rows = [
        [name, f"{count:,.0f}", f"{price.of(count):.2f}"] for name, (count, price) in list_standing_resources().items()
    ]
    rows.append(["**total**", "", f"**{standing_cost():.2f}**"])
    rotations = count_key_rotations()
    rows.append(["KMS rotations, from the third year on", f"{rotations:,}", f"+{KMS_ROTATION.of(rotations):.2f}"])
    return _build_table(["", "count", "USD per month"], rows)


def render_scaling() -> str:
    """Show how much of each quota a normal day uses at each rate."""
    scenario = SCENARIOS["a normal day"]
    rows = [
        [
            quota.name,
            f"{quota.limit:,.0f}",
            *(_format_usage(quota, at_rate(scenario, rate)) for rate in RATES),
            quota.remedy,
        ]
        for quota in QUOTAS
    ]
    return _build_table(["", "quota", *(f"{rate:,}/s" for rate in RATES), "action"], rows)


def render_shards() -> str:
    """Show how many stacks and accounts the highest rate needs, if no quota is raised."""
    rows = []
    for quota in QUOTAS:
        if quota.per:
            loads = (at_rate(scenario, RATES[-1]) for scenario in SCENARIOS.values())
            needed = (math.ceil(quota.usage(load) / quota.limit) for load in loads)
            rows.append([quota.name, quota.per, *(f"{number:,}" for number in needed)])
    return _build_table([f"{RATES[-1]:,} webhooks per second", "divide by", *SCENARIOS], rows)


def render_breaks() -> str:
    rows = []
    for quota in QUOTAS:
        rates = (quota.breaks_at(scenario) for scenario in SCENARIOS.values())
        rows.append([quota.name, *("-" if rate == math.inf else f"{float(f'{rate:.2g}'):,.0f}" for rate in rates)])
    return _build_table(["reached at webhooks per second", *SCENARIOS], rows)


def render_loads() -> str:
    """Show each scenario at a thousand webhooks per second."""
    rows = []
    for name, scenario in SCENARIOS.items():
        load = at_rate(scenario, 1000)
        rows.append(
            [
                name,
                f"{load.executions:,.0f}",
                f"{load.batch_seconds:.2f}",
                f"{load.concurrency:,.0f}",
                f"{load.in_flight:,.0f}",
                f"{load.write_units:,.0f}",
                f"{load.schedules_set:,.0f}",
                f"{load.schedules_kept:,.0f}",
            ]
        )
    head = ["1,000 webhooks per second", "executions/s", "batch, s", "concurrency", "in flight", "write units/s"]
    return _build_table([*head, "schedules created/s", "schedules pending"], rows)


def render_quotas() -> str:
    rows = [[quota.name, f"{quota.limit:,.0f}", quota.source, quota.read] for quota in QUOTAS]
    return _build_table(["", "quota", "source", "as of"], rows)


def render_hot() -> str:
    """Show how far the log of a webhook lags above its partition's limit."""
    rows = [_render_overload(overload) for overload in OVERLOADS]
    head = [
        "executions per second of one webhook",
        "pending log writes",
        "log complete within",
        "nothing is lost if the first rate lasts at most",
    ]
    return _build_table(head, rows)


def _render_overload(overload: Overload) -> Row:
    _, latest = overload.drained_within
    unit, name = (60, "minutes") if latest < 7200 else (3600, "hours")
    yield f"{overload.per_second:,} for {overload.seconds / 60:g} minutes, then {overload.after:,}"
    yield f"{overload.backlog:,.0f}"
    yield f"{latest / unit:.3g} {name}"
    yield f"{overload.longest_seconds / 86_400:.1f} days"


def render_comparison() -> str:
    rows = [
        [
            each.name,
            each.written_in,
            f"`{each.commit}`" if each.commit else "",
            each.cpu,
            each.includes,
            each.excludes,
            f"{each.page_ms:g} {each.page_clock}" if each.page_ms else "",
        ]
        for each in CANDIDATES
    ]
    head = ["sender", "written in", "commit", "CPU per delivery, ms", "includes", "does not include"]
    return _build_table([*head, "page of 50, ms"], rows)


def render_floors() -> str:
    rows = [[name, f"{microseconds:,}"] for name, microseconds in FLOORS_US.items()]
    return _build_table(["ten threads send with", "CPU per delivery, µs"], rows)


def _format_usage(quota: Quota, load: Load) -> str:
    usage = quota.usage(load)
    share = f"{usage:,.0f}" if usage >= 10 else f"{usage:.1g}"
    return f"**{share}**" if usage > quota.limit else share


def _price_cells(price: Price) -> Iterator[str]:
    yield f"{price.usd:g}"
    yield price.what
    yield price.source
    yield price.read


def _to_per_million(usd: float, webhooks: float) -> float:
    """Convert USD per month to USD per million webhooks."""
    return usd * MILLION / webhooks


def _format_usd(amount: float) -> str:
    return f"{amount:.2f}" if amount >= 0.005 or not amount else "< 0.01"


def _format_volumes() -> list[str]:
    return [f"{volume // MILLION:,} million" for volume in VOLUMES]


def _build_table(head: list[str], rows: Iterable[Row]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


TABLES: Final[dict[str, Callable[[], str]]] = {
    "cost": render_cost,
    "counting": render_counting,
    "alternatives": render_alternatives,
    "levers": render_levers,
    "lean": render_lean,
    "scale up": render_scale_up,
    "receivers": render_receivers,
    "usage": render_usage,
    "prices": render_prices,
    "standing": render_standing,
    "network": render_network,
    "network prices": render_network_prices,
    "scaling": render_scaling,
    "breaks": render_breaks,
    "shards": render_shards,
    "loads": render_loads,
    "quotas": render_quotas,
    "hot": render_hot,
    "comparison": render_comparison,
    "floors": render_floors,
}

if __name__ == "__main__":
    main()
