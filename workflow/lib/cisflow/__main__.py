"""`python -m cisflow <command>`: finds the command's module and imports nothing else.

Each command is a module of `cisflow.commands` with `arguments(parser)` and `run(args)`, so that a rule's conda
environment holds only what its own command imports.
"""

import argparse
import ast
import contextlib
import importlib
import os
import sys
import tempfile
from pathlib import Path

from cisflow import __version__
from cisflow.errors import InputError, MachineError
from cisflow.io import disk, job, memory, process

COMMANDS = Path(__file__).parent / "commands"
# Modules of that folder that are no command.
_SHARED = ("__init__", "options")


def command_names():
    """Names of all commands, with dashes, sorted."""
    return sorted(path.stem.replace("_", "-") for path in COMMANDS.glob("*.py") if path.stem not in _SHARED)


def summary(name):
    """First line of a command's docstring, read without importing the module."""
    source = (COMMANDS / f"{name.replace('-', '_')}.py").read_text()
    return ast.get_docstring(ast.parse(source)).splitlines()[0]


def usage():
    names = command_names()
    width = max(map(len, names))
    lines = [f"  {name:<{width}}  {summary(name)}" for name in names]
    return "usage: python -m cisflow <command> [options]\n\ncommands:\n" + "\n".join(lines)


def main(argv=None):
    """Run one command; returns the exit status.

    0 done, 1 bad input or what the system refused (a full disk, a folder that cannot be written to), 2 bad usage,
    128 + its number where a signal ended it.
    """
    argv = sys.argv[1:] if argv is None else list(argv)
    if not argv or argv[0] in ("-h", "--help"):
        print(usage())
        return 0 if argv else 2
    if argv[0] == "--version":
        print(__version__)
        return 0
    name = argv[0]
    if name not in command_names():
        print(f"cisflow: unknown command '{name}'\n\n{usage()}", file=sys.stderr)
        return 2
    job.announce(name)
    if reason := job.refusal(argv):
        return _refuse(name, f"{reason} (found by the attempt before; the next run reads the input again)")
    args = argparse.Namespace()
    try:
        # Before the imports, which take seconds and memory: who waits for its turn needs neither.
        with process.of_command(name, argv[1:]):
            module = importlib.import_module(f"cisflow.commands.{name.replace('-', '_')}")
            parser = argparse.ArgumentParser(prog=f"cisflow {name}", description=module.__doc__)
            module.arguments(parser)
            args = parser.parse_args(argv[1:])
            module.run(args)
            # Here, where a full disk can still be told.
            sys.stdout.flush()
    except process.Stopped as stopped:
        _tell(f"cisflow {name}: stopped by {stopped.signal}: the same call goes on from what is finished")
        return stopped.code
    except InputError as error:
        if not isinstance(error, MachineError):
            job.refuse(argv, error)
        return _refuse(name, error)
    except BrokenPipeError:
        # The reader of our output went away (`cisflow … | head`): nothing is wrong with the run.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        return _refuse(name, disk.in_words(error, _places(args)))
    except (MemoryError, RuntimeError) as error:
        if not memory.ran_out(error):
            raise
        remedy = "expected a job with more of it (mem_mb, or another GPU), or smaller batches"
        return _refuse(name, f"out of memory: {memory.in_words(error)}; {remedy}")
    return 0


def _refuse(name, reason):
    _tell(f"cisflow {name}: error: {reason}")
    return 1


def _tell(line):
    # The log may lie on the disk that is full: the exit status tells it then.
    with contextlib.suppress(OSError):
        # While an exception is handled, bars of progress stay open: the line would stand behind one.
        for bar in list(getattr(getattr(sys.modules.get("tqdm.std"), "tqdm", None), "_instances", ())):
            bar.close()
        print(line, file=sys.stderr)


def _places(args):
    """Where a command may have written: the paths of its options, and the folder of temporary files."""
    places = [value for value in vars(args).values() if isinstance(value, Path) or os.sep in str(value)]
    places = [value for value in places if isinstance(value, str | Path) and len(str(value)) < 4096]
    with contextlib.suppress(OSError):
        places.append(tempfile.gettempdir())
    return places


if __name__ == "__main__":
    sys.exit(main())
