"""Shows which step is running and for how long."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

console = Console(highlight=False)


@contextmanager
def step(doing: str) -> Iterator[None]:
    """Show `doing` with a running clock, then for good with the seconds that it took."""
    started = time.monotonic()
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        if not console.is_terminal:
            console.print(f"{doing} ...", soft_wrap=True)
        progress.add_task(doing, total=None)
        yield
    console.print(f"[green]done[/green] {doing} ({time.monotonic() - started:.1f} s)", soft_wrap=True)
