"""Progress on standard error, for people alone."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from cli.output import Output


def progress(output: Output) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    hidden = output.as_json or not output.aside.is_terminal
    return Progress(*columns, console=output.aside, transient=True, disable=hidden)


@contextmanager
def bar(doing: str, total: int, output: Output) -> Iterator[Callable[[int], None]]:
    """A bar of `total`; gives what moves it on."""
    with progress(output) as shown:
        task = shown.add_task(doing, total=total)
        yield lambda count: shown.advance(task, count)
