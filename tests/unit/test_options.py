"""Options that commands share: what they make of a command line, and what they refuse in one line."""

import argparse

import pytest

from cisflow.commands import options
from cisflow.errors import InputError


def parse(add, *argv):
    parser = argparse.ArgumentParser()
    add(parser)
    return parser.parse_args(argv)


def test_device_has_defaults_for_a_job_on_one_core():
    found = parse(options.device)
    assert (found.device, found.gpus, found.threads) == ("auto", 1, 1)
    assert parse(lambda parser: options.device(parser, threads=None)).threads is None
    assert parse(options.device, "--gpus", "0", "--threads", "3").gpus == 0


@pytest.mark.parametrize("text", ["0", "-1", "two", "1.5", ""])
def test_a_count_is_a_whole_number_from_one_on(text, capsys):
    with pytest.raises(SystemExit):
        parse(options.cpu_threads, "--threads", text)
    assert "--threads" in capsys.readouterr().err


def test_mapping_is_parsed_and_has_a_default():
    def add(parser):
        options.mapping(parser, "--settings", "of something", default={"k": 1})

    assert parse(add, "--settings", '{"a": [1, null]}').settings == {"a": [1, None]}
    assert parse(add).settings == {"k": 1}


@pytest.mark.parametrize(
    ("add", "text", "words"),
    [
        (options.mapping, "{", "--given: not JSON: "),
        (options.mapping, "[1]", "--given: found list, expected a JSON object"),
        (options.array, '{"a": 1}', "--given: found dict, expected a JSON array"),
        (options.named_paths, "x.tsv", "--given: found 'x.tsv', expected NAME=PATH"),
        (options.named_paths, "table=", "--given: found 'table=', expected NAME=PATH"),
    ],
)
def test_what_is_no_such_value_is_refused_in_one_line(add, text, words):
    with pytest.raises(InputError) as error:
        parse(lambda parser: add(parser, "--given", "of something"), "--given", text)
    assert str(error.value).startswith(words)
    assert "\n" not in str(error.value)


def test_a_name_given_several_times_is_a_list():
    def add(parser):
        options.named_paths(parser, "--inputs", "files")

    found = parse(add, "--inputs", "runs=a=b.tsv", "files=1.npz", "files=2.npz", "--inputs", "files=3.npz").inputs
    assert found == {"runs": "a=b.tsv", "files": ["1.npz", "2.npz", "3.npz"]}
