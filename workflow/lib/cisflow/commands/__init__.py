"""The commands of `python -m cisflow`, one module each."""
