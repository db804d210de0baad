"""Datasets: windows with labels, their splits, and how far folds leak into each other."""
