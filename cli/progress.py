"""Progress bars on standard error, shown only on a terminal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from cli.output import Output


def create_progress(output: Output) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    is_hidden = output.as_json or not output.stderr.is_terminal
    return Progress(*columns, console=output.stderr, transient=True, disable=is_hidden)


@contextmanager
def show_bar(description: str, total: int, output: Output) -> Iterator[Callable[[int], None]]:
    """Show a bar; yields the function that advances it."""
    with create_progress(output) as progress:
        task = progress.add_task(description, total=total)
        yield lambda count: progress.advance(task, count)
