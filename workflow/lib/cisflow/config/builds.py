"""Which build of torch the jobs of a run will find, read from its files: no login node needs a GPU or imports torch."""

import subprocess

from cisflow.config.refusals import refuse

# For the Python of the jobs, which need not be that of Snakemake.
PROBE = """
import importlib.util, pathlib, runpy

torch = importlib.util.find_spec("torch")
if torch and torch.origin:
    build = runpy.run_path(str(pathlib.Path(torch.origin).with_name("version.py")))
    print(build["__version__"], build.get("cuda") or build.get("hip") or "none")
"""


def check(python):
    """Refuse a Python whose torch cannot use a GPU, for a config with `device: cuda`.

    One without torch, or that cannot be asked, is left to the jobs.

    Raises
    ------
    InputError : its torch is a build without CUDA (or ROCm, which torch calls cuda).
    """
    done = subprocess.run([python, "-c", PROBE], capture_output=True, text=True, check=False)
    version, _, toolkit = done.stdout.strip().partition(" ")
    if toolkit == "none":
        found = f"found cuda, and torch {version} of {python} is built without CUDA"
        expected = "the build that `torch: cuda` in the config selects for --use-conda, and that pip takes from PyPI"
        refuse("device", f"{found}; expected {expected}")
