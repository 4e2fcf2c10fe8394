"""Pages of scorecards, KPIs, targets and CI results."""
