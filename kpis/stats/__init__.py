"""Statistics over samples: pure, no Django, no clock."""
