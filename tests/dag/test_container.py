"""The Dockerfile is what Snakemake makes of the environments, and jobs look for them where its image has them."""

import re
import shlex

import yaml

import pipeline

# Runs what it is given outside any container and keeps its arguments; an image has every folder that it is asked for.
APPTAINER = """\
#!/bin/bash
[ "$1" != --version ] || {{ echo "apptainer version 1.3.6"; exit; }}
printf '%s ' "${{@:1:$#-1}}" >> {calls}
echo >> {calls}
[[ "${{@: -1}}" != "[ -d "* ]] || exit 0
exec "${{@: -3}}"
"""


def fake_apptainer(folder):
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "apptainer").write_text(APPTAINER.format(calls=shlex.quote(str(folder / "calls"))))
    (folder / "bin" / "apptainer").chmod(0o755)
    return folder / "bin"


def test_the_dockerfile_is_what_snakemake_writes(tmp_path):
    call = pipeline.snakemake(pipeline.ROOT, "--containerize", **pipeline.fake_conda(tmp_path / "base"))
    assert call.status == 0, call.err
    expected = (pipeline.ROOT / "Dockerfile").read_text()
    assert call.out == expected, "write it anew: snakemake --containerize > Dockerfile"


def test_a_job_in_the_container_finds_its_environment_and_the_gpu(tmp_path):
    folder = pipeline.copy(tmp_path / "workflow")
    config = yaml.safe_load((folder / "config" / "demo.yaml").read_text()) | {"container": "cisflow.sif"}
    (folder / "mine.yaml").write_text(yaml.safe_dump(config))
    (folder / "cisflow.sif").touch()
    path = pipeline.fake_conda(tmp_path / "base")["PATH"]
    words = ("--software-deployment-method", "conda", "apptainer", "--apptainer-args=--nv")
    target = "resources/hg19_fragments.fa"
    call = pipeline.snakemake(
        folder, target, "--configfile", "mine.yaml", "--cores", "1", *words, PATH=f"{fake_apptainer(tmp_path)}:{path}"
    )
    assert call.status == 0, call.out + call.err
    assert (folder / target).is_file()
    (activated,) = (tmp_path / "base" / "activated").read_text().split()
    prefixes = re.findall(
        r"^COPY envs/data.yaml (\S+)/environment.yaml$", (pipeline.ROOT / "Dockerfile").read_text(), re.MULTILINE
    )
    assert prefixes == [activated]
    # The last call is that of the job.
    said = (tmp_path / "calls").read_text().splitlines()[-1]
    assert " --nv " in said and " cisflow.sif " in said
