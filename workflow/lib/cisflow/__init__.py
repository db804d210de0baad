"""cisflow: from DNA windows to figures that say what a sequence model learned, and how far to believe it."""

__version__ = "0.1.0"
