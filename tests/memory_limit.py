"""A runner of a function's handler with little memory.

Usage: `python -m tests.memory_limit SendWebhooksFunction 32` < event.

The handler may allocate this many MiB after it is loaded. Prints its result as JSON; fails if the handler does.
"""

import json
import resource
import sys
from pathlib import Path
from types import SimpleNamespace

from tests.aws import load_app

MIB = 1_048_576


def main() -> None:
    function, headroom = sys.argv[1:]
    event = json.load(sys.stdin)
    app = load_app(function)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + int(headroom) * MIB
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    context = SimpleNamespace(aws_request_id="request-1", get_remaining_time_in_millis=lambda: 60_000)
    result = app.lambda_handler(event, context)
    sys.stdout.write(f"\n{json.dumps(result)}\n")


if __name__ == "__main__":
    main()
