"""Say of a run what is done, running, missing and stale, stage by stage, while it runs or afterwards."""

import contextlib
import csv
import io
import json
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from cisflow.config import stages
from cisflow.errors import InputError

# What is shown of jobs that run, and of their logs.
LINES = 12
COLUMNS = ("done", "running", "stale", "missing")


def arguments(parser):
    parser.add_argument("results", nargs="?", type=Path, default=Path("results"), help="folder of results")
    parser.add_argument(
        "--configfile", type=Path, help="config of the run, where it was not the last one in this folder"
    )


def run(args):
    folder = args.results.absolute().parent
    state = _state(folder)
    if args.configfile is None and state is None:
        raise InputError(f"{args.results}: no run of this folder is known; name its config with --configfile")
    rows = _summary(folder, args, state)
    lives = stages.living(folder / stages.FOLDER)
    running = (state or {}).get("running", []) if lives else []
    print(headline(args, state, lives))
    print(table(rows, running, (state or {}).get("order", [])))
    for job in running[:LINES]:
        print(of_running(folder, job))
    if len(running) > LINES:
        print(f"  and {len(running) - LINES} more")
    if not lives and any(status != "done" for _, status in rows.values()):
        command = (state or {}).get("command", "the same snakemake command")
        print(f"to go on: {command}  (after a SIGKILL or a power cut, with --unlock once before)")


def _state(folder):
    """What the last run of a folder said of itself; None where there is none."""
    path = folder / stages.FOLDER / stages.STATE
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        return None
    except (ValueError, OSError) as error:
        raise InputError(f"{path}: {error}, expected the state of a run; name the config with --configfile") from None


def _summary(folder, args, state):
    """{output file: (rule, done | stale | missing)}, as Snakemake plans them."""
    given = [args.configfile.absolute().as_posix()] if args.configfile else state["configfiles"]
    command = [sys.executable, "-m", "snakemake", "--summary", "--cores", "1"]
    command += ["--snakefile", state["snakefile"]] if state else []
    command += ["--configfile", *given] if given else []
    call = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if call.returncode:
        raise InputError(f"snakemake --summary: {(call.stderr.strip() or 'no answer').splitlines()[-1]}")
    text = call.stdout[call.stdout.index("output_file\t") :]
    found = {}
    for row in csv.DictReader(io.StringIO(text), delimiter="\t", quoting=csv.QUOTE_NONE):
        pending = row["plan"] != "no update"
        status = "missing" if row["status"] == "missing" else "stale" if pending else "done"
        found[row["output_file"]] = (row["rule"], status)
    return found


def headline(args, state, lives):
    """Which run this is, and whether it lives."""
    if state is None:
        return f"{args.results}: {args.configfile}"
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(state["since"]))
    what = "running" if lives else "not running"
    return f"{args.results}: {' '.join(state['configfiles'])}, last started {when} on {state['host']}, {what}"


def table(rows, running, order):
    """The counts of output files by stage, and of jobs that run."""
    active = Counter(job["stage"] for job in running)
    counts = Counter(rows.values())
    of_rule = dict(order)
    names = list(dict.fromkeys([*of_rule.values(), *(of_rule.get(rule, rule) for rule, _ in rows.values())]))
    lines = [f"{'':<14}" + "".join(f"{name:>9}" for name in COLUMNS)]
    total = Counter()
    for stage in names:
        found = Counter()
        for (rule, status), count in counts.items():
            if of_rule.get(rule, rule) == stage:
                found[status] += count
        if not found:
            continue
        found["running"] = active[stage]
        total += found
        lines.append(f"{stage:<14}" + "".join(f"{found[name]:>9,}" for name in COLUMNS))
    lines.append(f"{'files':<14}" + "".join(f"{total[name]:>9,}" for name in COLUMNS))
    return "\n".join(lines)


def of_running(folder, job):
    """A job that runs: its rule, for how long, and the last line of its log."""
    line = f"  {job['rule']} {' '.join(job['wildcards'].values())}: {stages.duration(time.time() - job['since'])}"
    for log in job["log"]:
        with contextlib.suppress(OSError):
            text = (folder / log).read_text(errors="replace").replace("\r", "\n").strip()
            line += f", {log}" + (f": {text.splitlines()[-1][:100]}" if text else "")
    return line
