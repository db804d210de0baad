"""How attribution methods compare."""
