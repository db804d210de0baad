"""How well models predict, and with what certainty."""
