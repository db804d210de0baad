"""First-order in silico mutagenesis (Sasse et al. 2023): the numbers of `gradient`, read by `transform(…, "tism")`."""

from cisflow.attribution.method import Chunked
from cisflow.attribution.methods.gradient import prepare

__all__ = ["Settings", "prepare"]


class Settings(Chunked):
    """In silico mutagenesis to first order, by the gradient; stores the same numbers as `gradient`."""
