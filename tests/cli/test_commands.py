"""The commands: all there, each with its help, and called by a rule."""

import re

import pytest

import pipeline
from cisflow.__main__ import command_names, main

# What people call, and no rule does.
BY_HAND = {"check", "document-config"}


@pytest.mark.parametrize("command", command_names())
def test_command_has_a_help(command, capsys):
    with pytest.raises(SystemExit) as exit_:
        main([command, "--help"])
    assert exit_.value.code == 0
    assert f"usage: cisflow {command}" in capsys.readouterr().out


def test_rules_call_every_command_and_no_other(tmp_path):
    rules = pipeline.rules(pipeline.copy(tmp_path / "workflow"), "config/demo.yaml")
    called = {rule["shell"].split()[3] for rule in rules.values() if rule["shell"]}
    assert called == set(command_names()) - BY_HAND


def test_unknown_command_ends_with_the_list(capsys):
    assert main(["trian"]) == 2
    told = capsys.readouterr().err
    assert told.startswith("cisflow: unknown command 'trian'")
    for command in command_names():
        assert re.search(rf"^  {command} +\S", told, re.MULTILINE)
