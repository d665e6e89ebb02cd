"""A start of a function, or of the command line, without garbage collection.

Each of them imports this module first and calls `end_startup` last. Imports create hardly any garbage; looking for it
takes a twelfth of a cold start.
"""

import gc

gc.disable()


def end_startup() -> None:
    """Collect garbage from now on, but only what is created from now on."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()
