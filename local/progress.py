"""Shows which step is running, and for how long."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

console = Console(highlight=False)


@contextmanager
def show_step(description: str) -> Iterator[None]:
    """Show the step with a running clock; when it ends, print how long it took."""
    started = time.monotonic()
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        if not console.is_terminal:
            console.print(f"{description} ...", soft_wrap=True)
        progress.add_task(description, total=None)
        yield
    console.print(f"[green]done[/green] {description} ({time.monotonic() - started:.1f} s)", soft_wrap=True)
