"""The JSON interface of the plan."""
