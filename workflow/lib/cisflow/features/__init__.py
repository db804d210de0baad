"""Features: numbers on every window, from networks or from its k-mers."""
