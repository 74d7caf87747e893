"""``make serve``: the service on what the demonstration left, with the local Snowflake beside it, until Ctrl-C."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

from demo.processes import CREDENTIALS, ServerError, service, snowflake
from emulators.snowflake import shop


def main() -> int:
    parser = argparse.ArgumentParser(prog="make serve")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()
    try:
        with snowflake(shop.DEFAULT_CUSTOMERS) as endpoint, service(options.home, endpoint, options.port) as address:
            print(f"listening on {address}")
            print(f"local Snowflake on {endpoint}")
            if CREDENTIALS.exists():
                print(f"credential and feed key in {CREDENTIALS}")
            print("Ctrl-C stops both.")
            signal.sigwait({signal.SIGINT, signal.SIGTERM})
    except ServerError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
