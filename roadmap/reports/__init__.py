"""What the pages show, ready to render: the only place where the plan meets the standing of its KPIs."""
