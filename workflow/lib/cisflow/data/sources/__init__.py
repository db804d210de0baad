"""Where windows come from, one module a kind of source."""
