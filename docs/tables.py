"""Put the calculated tables into docs/cost.md and docs/scaling.md: python -m docs.tables

Each is between `<!-- name -->` and `<!-- end -->`. A test compares the text exactly and the numbers within a tenth.
"""

import math
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

from benchmarks import recipe
from benchmarks.bill import Terms, load_of, monthly, rotations, standing, stock
from benchmarks.capacity import Deployment, Load, Receivers, rise
from benchmarks.prices import (
    INFREQUENT_GB,
    INFREQUENT_UNITS,
    KMS_ROTATION,
    OFFERS,
    PRICES,
    READ_CAPACITY,
    STANDING,
    WRITE_CAPACITY,
    Price,
    Unit,
)
from benchmarks.quotas import QUOTAS, SCENARIOS, Quota, at
from benchmarks.taken import TAKEN

DOCS: Final = Path(__file__).parent
DOCUMENTS: Final = (DOCS / "cost.md", DOCS / "scaling.md")

MILLION: Final = 1_000_000
VOLUMES: Final = (MILLION, 10 * MILLION, 100 * MILLION, 1000 * MILLION)
RATES: Final = (10, 100, 1000, 10_000)

DEFAULTS: Final = Deployment()
ON_DEMAND: Final = Terms()
WINDOW: Final = Deployment(window_seconds=1)
RECIPE: Final = recipe.overrides()
"""The parameters of samconfig.toml's cheapest deployment."""
LEAN: Final = recipe.deployment(RECIPE)
SUDDEN: Final = (10, 100, 1000)
USED: Final = (0.7, 0.6, 0.5)
"""Utilization of provisioned capacity."""

Row = Iterable[str]

_MARKED = re.compile(r"(<!-- ([a-z ]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def main() -> None:
    for document in DOCUMENTS:
        document.write_text(filled(document.read_text()))


def filled(text: str) -> str:
    """Return the document with its tables recalculated."""
    return _MARKED.sub(lambda found: f"{found[1]}{TABLES[found[2]]()}{found[3]}", text)


def per_million(webhooks: float, deployment: Deployment = DEFAULTS, terms: Terms = ON_DEMAND) -> float:
    """USD."""
    load = load_of(webhooks, deployment=deployment)
    return _per(sum(monthly(webhooks, load, terms).values()), webhooks)


def cost_table() -> str:
    loads = [load_of(volume) for volume in VOLUMES]
    bills = [monthly(volume, load) for volume, load in zip(VOLUMES, loads, strict=True)]
    rows = [
        [unit, *(_usd(_per(bill[unit], volume)) for bill, volume in zip(bills, VOLUMES, strict=True))] for unit in Unit
    ]
    totals = [sum(bill.values()) for bill in bills]
    rows += [
        [
            "**USD per million**",
            *(f"**{_per(total, volume):.2f}**" for total, volume in zip(totals, VOLUMES, strict=True)),
        ],
        ["USD per month", *(f"{total:,.0f}" for total in totals)],
        ["webhooks per batch", *(f"{load.fill:.1f}" for load in loads)],
    ]
    return _table(["webhooks per month", *_volumes()], rows)


def offers_table() -> str:
    rows = [["Hooklog, the template's defaults", *(f"{per_million(volume):.2f}" for volume in VOLUMES), "-"]]
    for offer in OFFERS:
        each = (f"{_per(offer.usd(volume), volume):.2f}" for volume in VOLUMES)
        rows.append([offer.name, *each, f"{offer.source}, {offer.read}: {offer.remark}"])
    return _table(["USD per million, at a monthly volume of", *_volumes(), "source"], rows)


def levers_table() -> str:
    """Show the recipe's parameters, each added to those before it."""
    rows = [["the template's defaults", *_each_volume({})]]
    for count, (name, value) in enumerate(RECIPE.items(), 1):
        rows.append([f"… `{name}={value}`", *_each_volume(dict(list(RECIPE.items())[:count]))])
    rows[-1] = [f"**{cell}**" for cell in rows[-1]]
    rows += [[f"the same, at {used:.0%} utilization", *_each_volume(RECIPE, used)] for used in USED[1:]]
    return _table(["USD per million, at a monthly volume of", *_volumes()], rows)


def lean_table() -> str:
    """Compare the recipe's bill with the defaults, at a hundred million a month."""
    volume = VOLUMES[2]
    loads = load_of(volume), load_of(volume, deployment=LEAN)
    bills = monthly(volume, loads[0]), monthly(volume, loads[1], recipe.terms(RECIPE))
    rows = [[unit, *(_usd(_per(bill[unit], volume)) for bill in bills)] for unit in Unit]
    rows += [
        ["**USD per million**", *(f"**{_per(sum(bill.values()), volume):.2f}**" for bill in bills)],
        ["USD per month", *(f"{sum(bill.values()):,.0f}" for bill in bills)],
        ["webhooks per batch", *(f"{load.fill:.1f}" for load in loads)],
    ]
    return _table(["100 million a month", "the defaults", "`lean`"], rows)


def rise_table() -> str:
    """Show how the recipe's capacity follows a sudden load."""
    first = int(RECIPE["WriteCapacityMin"])
    rows = []
    for rate in SUDDEN:
        risen = rise(rate, first)
        rows.append([f"{rate:,}", f"{risen.minutes:,.0f}", f"{risen.late:,.0f}"])
    head = [f"executions per second, from {first} units", "minutes until it suffices", "executions logged late"]
    return _table(head, rows)


def lean_per_million(webhooks: float, used: float = USED[0]) -> float:
    """USD."""
    return per_million(webhooks, LEAN, recipe.terms(RECIPE, used))


def _each_volume(parameters: dict[str, str], used: float = USED[0]) -> Iterator[str]:
    deployment, terms = recipe.deployment(parameters), recipe.terms(parameters, used)
    return (f"{per_million(volume, deployment, terms):.2f}" for volume in VOLUMES)


def receivers_table() -> str:
    """Show what slow receivers cost, at a hundred million a month."""
    rows = []
    for name, receivers in (
        ("all respond within 100 ms", Receivers(slow_seconds=0.1, hanging=0)),
        ("half within 100 ms, 1 % takes 1 s or more", Receivers(hanging=0)),
        ("… and 0.1 % time out after 15 s (the tables above)", Receivers()),
        ("… and 1 % time out", Receivers(hanging=0.01)),
    ):
        load = load_of(VOLUMES[2], receivers=(receivers,), deployment=WINDOW)
        total = _per(sum(monthly(VOLUMES[2], load).values()), VOLUMES[2])
        rows.append([name, f"{1000 * load.batch_seconds:,.0f}", f"{load.fill:.1f}", f"{total:.2f}"])
    return _table(["receivers", "batch, ms", "webhooks per batch", "USD per million"], rows)


def taken_table() -> str:
    names = ("write_units", "read_units", "sqs_requests", "schedules", "decrypts")
    sizes = ("summary_bytes", "index_bytes", "details_bytes", "log_bytes", "sent_bytes")
    rows = [
        [kind, *(f"{getattr(taken, name):g}" for name in names), *(f"{getattr(taken, size):,.0f}" for size in sizes)]
        for kind, taken in TAKEN.items()
    ]
    words = [name.replace("_", " ") for name in (*names, *sizes)]
    return _table(["one webhook", *words], rows)


def prices_table() -> str:
    rows = [[unit, *_priced(price)] for unit, price in PRICES.items()]
    rows += [[kind.removeprefix("AWS::"), *_priced(price)] for kind, price in STANDING.items()]
    rows += [
        ["KMS rotation", *_priced(KMS_ROTATION)],
        ["write capacity", *_priced(WRITE_CAPACITY)],
        ["read capacity", *_priced(READ_CAPACITY)],
        ["storage", *_priced(INFREQUENT_GB)],
        ["units and capacity", *_priced(INFREQUENT_UNITS)],
    ]
    return _table(["", "USD", "per", "source", "as of"], rows)


def standing_table() -> str:
    rows = [[name, f"{count:,.0f}", f"{price.of(count):.2f}"] for name, (count, price) in stock().items()]
    rows.append(["**total**", "", f"**{standing():.2f}**"])
    turned = rotations()
    rows.append(["KMS rotations, from the third year on", f"{turned:,}", f"+{KMS_ROTATION.of(turned):.2f}"])
    return _table(["", "count", "USD per month"], rows)


def scaling_table() -> str:
    """Show how much of each quota a normal day uses at each rate."""
    scenario = SCENARIOS["a normal day"]
    rows = [
        [quota.name, f"{quota.limit:,.0f}", *(_of(quota, at(scenario, rate)) for rate in RATES), quota.remedy]
        for quota in QUOTAS
    ]
    return _table(["", "quota", *(f"{rate:,}/s" for rate in RATES), "action"], rows)


def breaks_table() -> str:
    rows = []
    for quota in QUOTAS:
        rates = (quota.breaks_at(scenario) for scenario in SCENARIOS.values())
        rows.append([quota.name, *("-" if rate == math.inf else f"{float(f'{rate:.2g}'):,.0f}" for rate in rates)])
    return _table(["reached at webhooks per second", *SCENARIOS], rows)


def loads_table() -> str:
    """Show each scenario at a thousand webhooks per second."""
    rows = []
    for name, scenario in SCENARIOS.items():
        load = at(scenario, 1000)
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
    return _table([*head, "schedules created/s", "schedules pending"], rows)


def quotas_table() -> str:
    rows = [[quota.name, f"{quota.limit:,.0f}", quota.source, quota.read] for quota in QUOTAS]
    return _table(["", "quota", "source", "as of"], rows)


def _of(quota: Quota, load: Load) -> str:
    taken = quota.taken(load)
    share = f"{taken:,.0f}" if taken >= 10 else f"{taken:.1g}"
    return f"**{share}**" if taken > quota.limit else share


def _priced(price: Price) -> Iterator[str]:
    yield f"{price.usd:g}"
    yield price.what
    yield price.source
    yield price.read


def _per(usd: float, webhooks: float) -> float:
    """Convert USD per month to USD per million webhooks."""
    return usd * MILLION / webhooks


def _usd(amount: float) -> str:
    return f"{amount:.2f}" if amount >= 0.005 or not amount else "< 0.01"


def _volumes() -> list[str]:
    return [f"{volume // MILLION:,} million" for volume in VOLUMES]


def _table(head: list[str], rows: Iterable[Row]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


TABLES: Final[dict[str, Callable[[], str]]] = {
    "cost": cost_table,
    "offers": offers_table,
    "levers": levers_table,
    "lean": lean_table,
    "rise": rise_table,
    "receivers": receivers_table,
    "taken": taken_table,
    "prices": prices_table,
    "standing": standing_table,
    "scaling": scaling_table,
    "breaks": breaks_table,
    "loads": loads_table,
    "quotas": quotas_table,
}

if __name__ == "__main__":
    main()
