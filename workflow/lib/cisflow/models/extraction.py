"""Predictions of a multi-output network for sequences, on both strands."""

from cisflow.models.predict import stream

__all__ = ["stream"]
