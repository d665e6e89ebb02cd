"""Entry point of `python -m local up|down|outputs|demo`."""

import argparse
import json
import sys
from collections.abc import Callable

from local import places, stack
from local.demo import run_demo
from local.failure import LocalFailure
from local.outputs import read_outputs
from local.progress import console


def up() -> None:
    outputs = stack.up()
    console.print(
        f"The local AWS runs at {outputs['EndpointUrl']}. Its outputs: {places.OUTPUTS.relative_to(places.ROOT)}"
    )


def down() -> None:
    console.print("The local AWS is stopped." if stack.down() else "The local AWS was not running.")


def show_outputs() -> None:
    sys.stdout.write(json.dumps(read_outputs(), indent=2) + "\n")


def demo() -> None:
    run_demo(stack.up())


COMMANDS: dict[str, Callable[[], None]] = {"up": up, "down": down, "outputs": show_outputs, "demo": demo}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m local", description="Manage the local AWS.")
    parser.add_argument("command", choices=COMMANDS)
    arguments = parser.parse_args()
    try:
        COMMANDS[arguments.command]()
    except LocalFailure as failure:
        sys.stderr.write(f"{failure}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
