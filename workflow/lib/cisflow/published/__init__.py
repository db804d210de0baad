"""What belongs to one paper alone: Daoud & Ben-Hur, PLoS Comput Biol 2025, doi 10.1371/journal.pcbi.1012755.

It is here to reproduce what they published, flaws included, and is asked for by name: the split and the schedule
`published`, the groups `legacy`, the rows of resources/published beside our numbers. What other rooms hold of it says
so there: the last layer of two logits a target in `models.layers.logits`, what our rerun does otherwise in
`report.original`.
"""
