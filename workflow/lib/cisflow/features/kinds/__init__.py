"""Features without a network: one module a kind, with its `Settings`."""
