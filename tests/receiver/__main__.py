"""The receiver as its own process.

It prints its addresses as one line of JSON, then serves until SIGTERM or SIGINT.
"""

import json
import signal

from tests.receiver.server import Receiver

_ENDS = {signal.SIGTERM, signal.SIGINT}


def main() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, _ENDS)  # before any thread starts: each inherits the mask
    with Receiver() as receiver:
        print(json.dumps(receiver.addresses()), flush=True)
        signal.sigwait(_ENDS)


if __name__ == "__main__":
    main()
