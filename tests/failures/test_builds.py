"""`device: cuda` with a torch that knows no GPU: said when a run starts, on machines with a GPU and without."""

import shlex
import sys

import pytest
import yaml

import pipeline
from cisflow.config import builds
from cisflow.errors import InputError


def python_with(folder, version, cuda):
    """A `python` in `folder` whose torch says of itself what a build says."""
    (folder / "torch").mkdir(parents=True)
    (folder / "torch" / "__init__.py").write_text("raise RuntimeError('torch was imported')\n")
    (folder / "torch" / "version.py").write_text(f"__version__, cuda, hip = {version!r}, {cuda!r}, None\n")
    python = folder / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH={shlex.quote(str(folder))} exec {shlex.quote(sys.executable)} "$@"\n')
    python.chmod(0o755)
    return python


def test_a_build_without_cuda_is_told_from_one_with_it(tmp_path):
    builds.check(python_with(tmp_path / "cuda", "2.13.0", "13.0"))
    python = python_with(tmp_path / "cpu", "2.13.0+cpu", None)
    with pytest.raises(InputError, match=rf"torch 2\.13\.0\+cpu of {python} is built without CUDA.*`torch: cuda`"):
        builds.check(python)


def test_a_python_without_torch_is_left_to_the_jobs(tmp_path):
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -IS "$@"\n')
    python.chmod(0o755)
    builds.check(python)


def test_a_run_ends_before_any_work(tmp_path):
    folder = pipeline.copy(tmp_path / "workflow")
    demo = yaml.safe_load((folder / "config" / "demo.yaml").read_text())
    (folder / "cuda.yaml").write_text(yaml.safe_dump(demo | {"device": "cuda"}))
    python = python_with(tmp_path / "bin", "2.13.0+cpu", None)
    path = f"{python.parent}:{pipeline.environment()['PATH']}"
    call = pipeline.snakemake(folder, "--configfile", "cuda.yaml", "--cores", "1", PATH=path)
    assert call.status == 1
    lines = [line for line in (call.out + call.err).splitlines() if "built without CUDA" in line]
    assert len(lines) == 1 and lines[0].startswith(f"config: device: found cuda, and torch 2.13.0+cpu of {python}")
    assert "Traceback" not in call.out + call.err
    assert not (folder / "results").exists() and not list((folder / "resources").glob("*.fa"))
