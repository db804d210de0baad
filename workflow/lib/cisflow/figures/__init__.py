"""Figures, one module each, drawn from tables and attribution files only."""
