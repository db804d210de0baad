"""Elements: what is put into a sequence, a known motif by its matrix or a sequence that is written out."""

from typing import NamedTuple

import numpy as np

from cisflow.errors import InputError, listing
from cisflow.io.matrices import read_motifs
from cisflow.sequence import dna


class Element(NamedTuple):
    """Something to put into a sequence.

    name : unique among the elements of a run. matrix : (4, w) float64, probabilities of A, C, G, T by column.
    """

    name: str
    matrix: np.ndarray

    @property
    def width(self):
        return self.matrix.shape[1]

    @property
    def consensus(self):
        """(w,) uint8: the most likely base of each column, the first of equals."""
        return self.matrix.argmax(axis=0).astype(np.uint8)

    def drawn(self, n, rng):
        """(n, w) uint8: instances, column by column as the matrix has it."""
        steps = np.cumsum(self.matrix, axis=0)
        # Scaled by the column's sum, which misses 1 by what the file's decimals cut off.
        draw = rng.random((n, 1, self.width)) * steps[-1]
        return (draw >= steps[None]).sum(axis=1).clip(max=3).astype(np.uint8)


def read(path, matrices, sequences, where="sequences"):
    """The Elements of a file of matrices and those written out as sequences, in this order.

    A matrix is called as the file calls it, with its id where several have the name.

    Parameters
    ----------
    path : MEME, JASPAR, TRANSFAC or HOMER; None where there is none. matrices : ids to take; None takes all.
    sequences : {name: bases}, an unknown base stands for any. where : of the sequences, for messages.

    Raises
    ------
    InputError : no element, an id that the file lacks, a name that two have, or a sequence that is none.
    """
    motifs = read_motifs(path) if path else []
    if matrices is not None:
        known = {motif.id: motif for motif in motifs}
        if unknown := [name for name in matrices if name not in known]:
            place = path or "no file of matrices"
            raise InputError(
                f"{place}: no motif '{unknown[0]}'; expected an id such as {listing(known, 3) or '(none)'}"
            )
        motifs = [known[name] for name in matrices]
    names = [motif.name for motif in motifs]
    found = [
        Element(motif.name if names.count(motif.name) == 1 else f"{motif.name}_{motif.id}", motif.matrix)
        for motif in motifs
    ]
    for name, bases in (sequences or {}).items():
        if not bases:
            raise InputError(f"{where}: '{name}' is empty; expected bases")
        found.append(Element(name, dna.one_hot(dna.encode(bases, f"{where}: '{name}'")).astype(np.float64)))
    taken = set()
    for element in found:
        if element.name in taken:
            raise InputError(f"{where}: two motifs named '{element.name}'; expected names that differ")
        taken.add(element.name)
    if not found:
        raise InputError("motifs: none to put in; expected the key motifs, a file of matrices, or sequences")
    return found
