"""`python -m demo --port 8090 --data DIR`: the reference service on this machine."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import uvicorn

from demo.app import create_app


def main() -> None:
    parser = argparse.ArgumentParser(prog="demo", description="The reference FastAPI service.")
    parser.add_argument("--port", type=int, default=8090)
    parser.add_argument("--data", type=Path, default=Path("var/demo"), help="Folder of its SQLite database.")
    options = parser.parse_args()
    options.data.mkdir(parents=True, exist_ok=True)
    url = os.environ.get("DEMO_DATABASE_URL") or f"sqlite+aiosqlite:///{options.data.resolve() / 'demo.sqlite3'}"
    app = create_app(url.replace("postgres://", "postgresql+asyncpg://", 1), os.environ.get("DEMO_REDIS_URL", ""))
    uvicorn.run(app, host="127.0.0.1", port=options.port, log_level="warning", timeout_graceful_shutdown=1)


if __name__ == "__main__":
    main()
