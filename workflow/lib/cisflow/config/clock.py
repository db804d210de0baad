"""Times of files that a clock has left in the future."""

import os
import time

# Machines that share a disk are so far apart, in seconds.
APART_S = 60.0


def set_back(folders):
    """Give files below `folders` whose times lie in the future the time of now; their number.

    What is made of such a file is older than it is, by a clock that has gone back: Snakemake calls that job failed.
    Hidden folders hold nothing that it looks at.
    """
    now = time.time()
    found = 0
    for place in folders:
        for folder, below, names in os.walk(place):
            below[:] = [name for name in below if not name.startswith(".")]
            for path in (os.path.join(folder, name) for name in names):
                if os.lstat(path).st_mtime > now + APART_S and not os.path.islink(path):
                    os.utime(path, (now, now))
                    found += 1
    return found
