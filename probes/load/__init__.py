"""The load engine: a profile becomes shards (`python -m probes.load`, a clean process each) and one merged result. Pure."""
