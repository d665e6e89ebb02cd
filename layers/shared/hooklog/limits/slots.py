"""The arithmetic of a webhook's rate limit. Times are Unix microseconds.

A webhook has slots: times at which a request may start. They are a generic cell rate algorithm (GCRA), changed so that
no second has more than `rate` slots: after n requests at once, the next slot comes n intervals later, and so many may
only go at once if n - 1 intervals were free before.

Messages that find no slot soon form a line. A place in the line is a time to come back, and only then does the message
take a slot. A message that comes back late therefore takes the next free slot, and a place that nobody comes back to
costs nothing.
"""

from typing import Final, NamedTuple

SECOND: Final = 1_000_000

MARGIN: Final = 60_000
"""A second's worth of slots is spread over a second plus this. A request may start so much late, senders' clocks may
differ and networks may delay requests unevenly by this in total, and still no second has too many."""

MAX_LATENESS: Final = 40_000
"""How late a request may start: less than MARGIN. After that, its slot is lost."""

MAX_WAIT: Final = SECOND
"""A slot is waited for up to this, and a place in the line that is nearer than this has been reached."""

MAX_WAIT_RETURNED: Final = 2 * SECOND
"""The same for messages that come back from the line: they come up to a second early."""


class State(NamedTuple):
    """The state of a webhook's limit. The default is that of a webhook that has not sent for long."""

    next_at: int = 0
    """The next slot that may be free; if it has passed, slots are free since then."""
    line_until: int = 0
    """The end of the line: the place of the next message that joins it."""
    line_rate: int = 0
    """Slots per second for which the line was formed. A line of another rate no longer counts."""


class Request(NamedTuple):
    """Messages of one batch and webhook that ask for slots."""

    now: int
    rate: int
    returned: int
    """How many come back from the line. They go first."""
    fresh: int


class Plan(NamedTuple):
    """What to reserve, if the state is as assumed or nearly so."""

    is_idle: bool
    """Whether a slot is free now."""
    sent: int
    """How many messages get a slot."""
    max_wait: int
    """The longest wait for these slots."""
    joins_line: bool
    """Whether any message joins a line that is already there."""
    queued: int
    """How many messages get a place in the line."""
    line_start: int
    """The first of these places."""
    passes_line: bool
    """Whether a fresh message gets a slot because nobody waits in the line."""


class Grant(NamedTuple):
    """What was reserved: the times of slots and the places in the line, for returned messages first."""

    slots: tuple[int, ...]
    places: tuple[int, ...]


def compute_interval(rate: int) -> int:
    """Return the time between slots."""
    return -(-(SECOND + MARGIN) // rate)


def count_at_once(state: State, request: Request) -> int:
    """Return how many slots may be used at once now."""
    if state.next_at > request.now:
        return 0
    return min((request.now - state.next_at) // compute_interval(request.rate) + 1, request.rate)


def make_plan(state: State, request: Request) -> Plan:
    """Plan the reservation for the assumed state."""
    interval = compute_interval(request.rate)
    line_until = state.line_until if state.line_rate == request.rate else 0
    first = max(state.next_at, request.now)
    fitting = _count_fitting(state, request, MAX_WAIT_RETURNED)
    sent = min(request.returned, fitting)
    passes_line = False
    if sent == request.returned and request.fresh and line_until <= request.now + MAX_WAIT:
        fresh = min(request.fresh, _count_fitting(state, request, MAX_WAIT) - sent)
        passes_line, sent = fresh > 0, sent + max(fresh, 0)
    elif sent == request.returned:  # slots that are free now would be lost: those whose turn it is are late
        sent += max(min(request.fresh, count_at_once(state, request) - sent), 0)
    after = first + sent * interval
    return Plan(
        is_idle=state.next_at <= request.now,
        sent=sent,
        max_wait=MAX_WAIT if passes_line else MAX_WAIT_RETURNED,
        joins_line=line_until > after,
        queued=request.returned + request.fresh - sent,
        line_start=max(line_until, after),
        passes_line=passes_line,
    )


def _count_fitting(state: State, request: Request, max_wait: int) -> int:
    """Return how many slots are free within `max_wait`."""
    first, latest = max(state.next_at, request.now), request.now + max_wait
    if first > latest:
        return 0
    return max(count_at_once(state, request), (latest - first) // compute_interval(request.rate) + 1)


def compute_grant(before: State, plan: Plan, request: Request) -> Grant:
    """Return what was reserved, according to the plan, from the actual state before."""
    interval = compute_interval(request.rate)
    first, at_once = max(before.next_at, request.now), count_at_once(before, request)
    slots = tuple(request.now if n < at_once else first + n * interval for n in range(plan.sent))
    start = before.line_until if plan.joins_line else plan.line_start
    return Grant(slots, tuple(start + n * interval for n in range(plan.queued)))


def apply(before: State, plan: Plan, request: Request) -> State:
    """Return the state after the reservation."""
    interval = compute_interval(request.rate)
    next_at = max(before.next_at, request.now) + plan.sent * interval if plan.sent else before.next_at
    if plan.queued:
        start = before.line_until if plan.joins_line else plan.line_start
        return State(next_at, start + plan.queued * interval, request.rate)
    return State(next_at, 0, request.rate) if plan.passes_line else before._replace(next_at=next_at)
