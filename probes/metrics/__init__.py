"""Reading an application's own metrics: what it exposes, and what happened between two scrapes. Pure."""
