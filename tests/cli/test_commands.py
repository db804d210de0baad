"""The commands as the rules call them: all there, with their help."""

import re

import pytest

import pipeline
from cisflow.__main__ import command_names, main


@pytest.mark.parametrize("command", command_names())
def test_command_has_a_help_and_a_rule(command, capsys):
    with pytest.raises(SystemExit) as exit_:
        main([command, "--help"])
    assert exit_.value.code == 0
    assert f"usage: cisflow {command}" in capsys.readouterr().out
    rules = "".join(path.read_text() for path in (pipeline.ROOT / "workflow" / "rules").glob("*.smk"))
    assert f"python -m cisflow {command} " in rules


def test_every_command_that_a_rule_calls_exists():
    rules = "".join(path.read_text() for path in (pipeline.ROOT / "workflow" / "rules").glob("*.smk"))
    assert set(re.findall(r"python -m cisflow ([a-z-]+)", rules)) == set(command_names())


def test_unknown_command_ends_with_the_list(capsys):
    assert main(["trian"]) == 2
    told = capsys.readouterr().err
    assert told.startswith("cisflow: unknown command 'trian'")
    for command in command_names():
        assert re.search(rf"^  {command} +\S", told, re.MULTILINE)
