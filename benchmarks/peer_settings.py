"""Settings of the endpoints that ours are measured beside: nothing stands before them."""

from config.settings import *  # noqa: F403 - the same database

ROOT_URLCONF = "benchmarks.peers"
MIDDLEWARE: list[str] = []
