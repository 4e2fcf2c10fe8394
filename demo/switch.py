"""`python -m demo.switch phase1 on --url http://127.0.0.1:8090`: turn one switch, or a phase."""

from __future__ import annotations

import argparse
import json
import sys

import httpx


def main() -> int:
    parser = argparse.ArgumentParser(prog="demo.switch", description=__doc__)
    parser.add_argument("name", help="A switch, or phase1, phase2.")
    parser.add_argument("state", choices=["on", "off"])
    parser.add_argument("--url", default="http://127.0.0.1:8090")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=NUMBER", help="A parameter (may be repeated).")
    options = parser.parse_args()
    path = f"phases/{options.name.removeprefix('phase')}" if options.name.startswith("phase") else options.name
    parameters = dict(entry.split("=", 1) for entry in options.set)
    try:
        answer = httpx.put(
            f"{options.url}/switches/{path}",
            json={"on": options.state == "on", "parameters": parameters},
            timeout=60,
            trust_env=False,
        )
    except httpx.HTTPError as error:
        print(f"{options.url} does not answer: {error}", file=sys.stderr)
        return 1
    print(json.dumps(answer.json(), indent=2))
    return 0 if answer.is_success else 1


if __name__ == "__main__":
    sys.exit(main())
