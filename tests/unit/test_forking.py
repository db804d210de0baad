"""Jobs of the tiny runs, forked from a process that has its imports, against jobs with an interpreter of their own."""

import os
import subprocess
import sys

import pytest

import forking

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere each job has an interpreter of its own")

# In the place of cisflow: it tells all that a job may ask, and ends as it is told.
JOB = """
import atexit, json, os, signal, sys

print(json.dumps([sys.argv[1:], os.getcwd(), sys.path[:2], __name__, sys.stdin.read()]))
print(json.dumps(sorted(item for item in os.environ.items() if item[0] != "_")))
print("said", file=sys.stderr)
atexit.register(print, "at last")
how = sys.argv[1]
if how == "killed":
    sys.stdout.flush()
    os.kill(os.getpid(), signal.SIGKILL)
elif how == "raised":
    raise ValueError("raised")
elif how == "child":
    os.waitpid(os.spawnlp(os.P_NOWAIT, "echo", "echo", "of a child"), 0)
elif how != "done":
    sys.exit(int(how) if how.isdigit() else how)
"""
RANDOM = "import random, numpy; print(random.random(), numpy.random.random())"


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    with forking.interpreter(tmp_path_factory.mktemp("python"), ["numpy.random"]) as folder:
        yield folder / "python"


def job(python, folder, program, *arguments, **variables):
    (folder / "cisflow").mkdir(parents=True, exist_ok=True)
    (folder / "cisflow" / "__main__.py").write_text(program)
    command = [str(python), "-m", "cisflow", *arguments]
    # A shell says where it is, be it told or not.
    environment = os.environ | {"PYTHONPATH": str(folder), "PWD": str(folder)} | variables
    return subprocess.run(command, cwd=folder, env=environment, input="given", capture_output=True, text=True)


@pytest.mark.parametrize("how", ["done", "0", "3", "words\nof an error", "raised", "child"])
def test_a_job_is_as_in_an_interpreter_of_its_own(python, tmp_path, how):
    given = {"OF_THE_JOB": f"a = b\n{how}", "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    found, expected = (job(path, tmp_path, JOB, how, "", "--a b", "é", **given) for path in (python, sys.executable))
    assert (found.returncode, found.stdout) == (expected.returncode, expected.stdout)
    # A traceback begins elsewhere.
    assert [found.stderr.splitlines()[at] for at in (0, -1)] == [expected.stderr.splitlines()[at] for at in (0, -1)]
    assert "at last" in found.stdout and ("of a child" in found.stdout) == (how == "child")


def test_a_job_that_is_killed_has_failed(python, tmp_path):
    assert job(python, tmp_path, JOB, "killed").returncode == 137


def test_no_job_draws_the_numbers_of_another(python, tmp_path):
    first, second = (job(python, tmp_path, RANDOM).stdout.split() for _ in range(2))
    assert len(first) == 2 and not set(first) & set(second)


def test_jobs_run_side_by_side_and_each_reads_the_code_that_is_there(python, tmp_path):
    """One waits for a file that the other, started later, writes."""
    waits = "import os, time\nprint('waits', flush=True)\nwhile not os.path.exists('written'):\n    time.sleep(0.01)\n"
    (tmp_path / "cisflow").mkdir()
    (tmp_path / "cisflow" / "__main__.py").write_text(waits)
    command, variables = [str(python), "-m", "cisflow"], os.environ | {"PYTHONPATH": str(tmp_path)}
    with subprocess.Popen(command, cwd=tmp_path, env=variables, stdout=subprocess.PIPE, text=True) as waiting:
        assert waiting.stdout.readline() == "waits\n"
        assert job(python, tmp_path, "open('written', 'w').close()\nprint('written')").stdout == "written\n"
        assert waiting.wait(timeout=60) == 0


def test_other_calls_of_python_are_left_alone(python):
    assert subprocess.run([python, "-c", "import sys; sys.exit(5)"], check=False).returncode == 5
    found = subprocess.run([python, "-c", "import sys; print(sys.executable)"], capture_output=True, text=True)
    assert found.stdout.strip() == sys.executable
