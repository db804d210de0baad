"""Numbers in columns of the file that the windows come from: of a BED with a header line, or of a table."""

import numpy as np
import pandas as pd

from cisflow.config.settings import setting
from cisflow.data import ledger, sheet
from cisflow.data.dataset import TRACKS
from cisflow.data.targets.common import Common, Numbers


class Settings(Common):
    """Columns of the source's own file, a BED or a table; nothing in a column is a missing number."""

    columns: list[str] = setting(unique=True, min_items=1, meaning="Tracks: columns of the file, in this order.")
    tracks: str = setting(
        None,
        resource=True,
        meaning="Resource with a table of the tracks: the column track and any of class, group, replicate and strand.",
    )


def collect(settings, windows):
    """Numbers (n, t) of the windows, as the source has read them.

    Parameters
    ----------
    settings : Settings. windows : windows.Windows with `columns`, among them those of the settings.

    Raises
    ------
    InputError : a table of tracks that names another one, or that `sheet.described` refuses.
    """
    tracks = pd.DataFrame("", index=range(len(settings.columns)), columns=list(TRACKS), dtype=object)
    tracks = tracks.assign(target=settings.columns, modality=settings.name)
    if settings.tracks is not None:
        tracks = sheet.described(settings.tracks, tracks)
    values = windows.columns[settings.columns].to_numpy(dtype=np.float32)
    return Numbers(values, tracks, ledger.rows("", [], [], [], [], step="target"))
