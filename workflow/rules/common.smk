# The config as one object that the rules speak to, and the environment of a job.
import os
import shlex
import shutil
import sys
import time
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

# Not `workflow.basedir`, which is the folder of another Snakefile where this workflow is its module.
ROOT = Path(workflow.current_basedir.get_path_or_uri(secret_free=True)).parents[1]
LIB = ROOT / "workflow" / "lib"
started = time.time()

# Planning writes nothing, not even bytecode.
bytecode, sys.dont_write_bytecode = sys.dont_write_bytecode, True
sys.path.insert(0, str(LIB))
try:
    from cisflow.config import builds, clock, code, designs, entries, figures, paths, slurm, stages, text
    from cisflow.config.figures import COMPARISON_TABLES, EVALUATION_TABLES, TRACK_TABLES
    from cisflow.config.jobs import any_of, growing, option
    from cisflow.config.loading import load
    from cisflow.config.study import to_json
    from cisflow.errors import InputError
finally:
    sys.path.remove(str(LIB))
    sys.dont_write_bytecode = bytecode

DEFAULT = "config/config.yaml"
# Read before Snakemake does, whose own words on what is no YAML, or of another encoding, are a traceback.
given = list(workflow.configfiles)
if "datasets" not in config and Path(DEFAULT).is_file():
    given.append(DEFAULT)
try:
    for file in filter(os.path.isfile, given):
        text.check(file)
except InputError as error:
    raise WorkflowError(str(error)) from None

# A preset given by --configfile replaces the default study; Snakemake would merge the two.
if "datasets" not in config:

    configfile: DEFAULT


try:
    prefix = workflow.modifier.path_modifier.prefix
    study = load(config, root=ROOT, moved=bool(prefix), warn=logger.warning)
except InputError as error:
    raise WorkflowError(str(error)) from None

# Torch is in this environment alone, in the build that the config asks for.
TORCH = f"../../envs/torch-{study.torch}.yaml"

if study.container is not None:

    containerized: study.container


# A cluster's attempts at a job are counted, so that none looks again for what the one before found wrong. Snakemake
# itself tells rules of them, and not yet the lines here.
attempt = f"CISFLOW_ATTEMPT={sys.argv[sys.argv.index('--attempt') + 1]}" if "--attempt" in sys.argv else ""

# Conda strips PYTHONPATH from a job, so the command itself sets it. numba compiles for most of a minute on an empty
# cache, and cannot even be imported where it finds no writable one. glibc by default gives every large tensor back to
# the system and asks for it anew, which took a third of the time of in silico mutagenesis; other systems ignore this.
# A job that knows who started it does not outlive it. Of one that the system kills, nobody else says anything.
shell.prefix(
    "set -euo pipefail; "
    """trap 'if [ $? -eq 137 ]; then echo "cisflow: a job was killed (SIGKILL), as the system does to one that needs"""
    """ more memory than there is: expected more of it (mem_mb), or smaller batches" >&2; fi' EXIT; """
    f"export PYTHONPATH={shlex.quote(str(LIB))} PYTHONNOUSERSITE=1 "
    'NUMBA_CACHE_DIR="$PWD/results/.cache/numba" NUMBA_NUM_THREADS="${{OMP_NUM_THREADS:-1}}" '
    "MALLOC_MMAP_THRESHOLD_=33554432 MALLOC_TRIM_THRESHOLD_=268435456 "
    f"CISFLOW_STARTED_BY=$PPID CISFLOW_JOB=1 {attempt}; "
)

# A file whose text is too long for a command line is written by Snakemake itself from the parameter `text`.
TEXT = workflow.source_path("../templates/text")


wildcard_constraints:
    dataset="[A-Za-z0-9_-]+",
    group="[A-Za-z0-9_-]+",
    model="[A-Za-z0-9_-]+",
    split="[A-Za-z0-9_-]+",
    seed=r"\d+",
    extractor="[A-Za-z0-9_-]+",
    job="[A-Za-z0-9_-]+",
    method="[A-Za-z0-9_-]+",
    part=r"\d+-of-\d+",
    design=study.design_names(),
    # An index `<name>.fai` is not a resource.
    name=any_of(study.resources),


scattergather:
    shard=study.shards,


# The one of the workflow: Snakemake keeps the last that it reads.
onstart:
    if n_set_back := clock.set_back(["results", "resources"]):
        logger.warning(
            f"{n_set_back} files had times in the future: the clock has gone back. They have that of now."
        )
    try:
        if workflow.executor_plugin.name == "slurm":
            slurm.begin(workflow.executor_settings, locked=workflow.execution_settings.lock, say=logger.info)
        # Before any work, not when the first network's turn comes.
        if study.device == "cuda":
            networks = [job for job in workflow.dag.needrun_jobs() if job.resources.get("gpu")]
            if "conda" in map(str, workflow.deployment_settings.deployment_method):
                pythons = {os.path.join(job.conda_env.address, "bin", "python") for job in networks}
            else:
                pythons = {shutil.which("python")} if networks else set()
            # That of a container is out of reach.
            for python in filter(os.path.isfile, filter(None, pythons)):
                builds.check(python)
    except InputError as error:
        raise WorkflowError(str(error)) from None
