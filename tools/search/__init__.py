"""Search policies: which candidate to work on next. Pure code, no model, no disk, no clock."""
