"""The commands: all there, each with its help."""

import re

import pytest

from cisflow.__main__ import command_names, main


@pytest.mark.parametrize("command", command_names())
def test_command_has_a_help(command, capsys):
    with pytest.raises(SystemExit) as exit_:
        main([command, "--help"])
    assert exit_.value.code == 0
    assert f"usage: cisflow {command}" in capsys.readouterr().out


def test_unknown_command_ends_with_the_list(capsys):
    assert main(["trian"]) == 2
    told = capsys.readouterr().err
    assert told.startswith("cisflow: unknown command 'trian'")
    for command in command_names():
        assert re.search(rf"^  {command} +\S", told, re.MULTILINE)
