"""A rerun beside the study that published it: plain sentences, every number of them read from a table."""
