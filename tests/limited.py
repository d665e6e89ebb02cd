"""A function's handler in a process with little memory: `python -m tests.limited SendWebhooksFunction 32` < event.

The limit in MiB is what it may take beyond what it has when it is loaded. Prints the answer as JSON; ends with an error
where the handler does.
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
    answer = app.lambda_handler(event, context)
    sys.stdout.write(f"\n{json.dumps(answer)}\n")


if __name__ == "__main__":
    main()
