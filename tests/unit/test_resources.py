"""Local resources: paths, digests, archives and gzip, against what the standard library packed."""

import gzip
import hashlib
import io
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from cisflow.errors import InputError
from cisflow.io import download

TEXT = b">chr1\nACGTACGT\nACGT\n" * 500


def tar(path, members, mode="w:gz"):
    """A tar of {name: bytes, or a TarInfo for what is no plain file}."""
    with tarfile.open(path, mode) as archive:
        for name, content in members.items():
            if isinstance(content, tarfile.TarInfo):
                archive.addfile(content)
            else:
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
    return path


def zipped(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def special(name, kind, target=""):
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = kind, target
    return entry


def fetch(source, output, **options):
    download.fetch(str(source), "thing", output, **options)
    return output.read_bytes()


def refused(source, output, **options):
    """The message of a refused fetch, after which neither output nor leftovers may exist."""
    before = set(output.parent.iterdir())
    with pytest.raises(InputError) as caught:
        fetch(source, output, **options)
    assert set(output.parent.iterdir()) == before
    return str(caught.value)


@pytest.fixture
def output(tmp_path):
    folder = tmp_path / "resources"
    folder.mkdir()
    return folder / "thing"


@pytest.fixture
def plain(tmp_path):
    path = tmp_path / "plain file.txt"
    path.write_bytes(TEXT)
    return path


def test_path_and_file_url_copy_the_same_bytes_and_leave_the_source(plain, output):
    assert fetch(plain, output) == TEXT
    assert fetch(plain.as_uri(), output) == TEXT
    assert "%20" in plain.as_uri()
    assert plain.read_bytes() == TEXT
    assert sorted(path.name for path in output.parent.iterdir()) == ["thing", "thing.sha256"]


@pytest.mark.parametrize("algorithm", ["sha256", "md5"])
def test_right_digest_in_either_case_passes(plain, output, algorithm, capsys):
    digest = hashlib.new(algorithm, TEXT).hexdigest()
    assert fetch(plain, output, **{algorithm: digest.upper()}) == TEXT
    assert "WARNING" not in capsys.readouterr().err


@pytest.mark.parametrize("algorithm", ["sha256", "md5"])
def test_wrong_digest_names_resource_expected_and_found_and_keeps_a_local_source(plain, output, algorithm):
    expected = hashlib.new(algorithm, b"other").hexdigest()
    message = refused(plain, output, **{algorithm: expected})
    assert "resource 'thing'" in message
    assert expected in message and hashlib.new(algorithm, TEXT).hexdigest() in message
    assert plain.exists()


def test_both_digests_are_checked(plain, output):
    right, wrong = hashlib.sha256(TEXT).hexdigest(), "0" * 32
    assert "md5" in refused(plain, output, sha256=right, md5=wrong)


def test_malformed_digest_is_refused(plain, output):
    message = refused(plain, output, sha256="abc")
    assert "sha256 is 'abc'" in message and "64 hexadecimal digits" in message


def test_digest_is_of_the_packed_file(tmp_path, output):
    source = tmp_path / "genome.fa.gz"
    source.write_bytes(gzip.compress(TEXT))
    assert fetch(source, output, sha256=hashlib.sha256(source.read_bytes()).hexdigest()) == TEXT


def test_without_a_digest_the_true_one_is_printed_as_a_config_line(plain, output, capsys):
    fetch(plain, output)
    assert "WARNING" in (printed := capsys.readouterr().err)
    assert f"    sha256: {hashlib.sha256(TEXT).hexdigest()}\n" in printed


def test_without_a_digest_the_true_one_is_recorded_and_a_change_told(plain, output, capsys):
    record = output.with_name("thing.sha256")
    fetch(plain, output)
    assert record.read_text() == f"{hashlib.sha256(TEXT).hexdigest()}  plain file.txt\n"
    fetch(plain, output)
    assert "has changed" not in capsys.readouterr().err
    plain.write_bytes(b"other")
    fetch(plain, output)
    told = f"plain file.txt has changed: the sha256 of the last one was {hashlib.sha256(TEXT).hexdigest()}"
    assert told in capsys.readouterr().err
    assert record.read_text().split()[0] == hashlib.sha256(b"other").hexdigest()
    fetch(plain, output, sha256=hashlib.sha256(b"other").hexdigest())
    assert not record.exists()


@pytest.mark.parametrize(
    "url, words",
    [
        ("missing.txt", "no such file"),
        (".", "not a file"),
        ("ftp://host/x", "is not an http"),
        ("file://folder/x", "is not an http"),
    ],
)
def test_bad_sources_are_named(url, words, output):
    message = refused(url, output)
    assert "resource 'thing'" in message and words in message


def test_gzip_is_unpacked_only_when_the_output_is_not_gzip(tmp_path, output):
    source = tmp_path / "genome.fa.gz"
    # Two members, as bgzip writes them.
    source.write_bytes(gzip.compress(TEXT) + gzip.compress(b"end\n"))
    assert fetch(source, output) == TEXT + b"end\n"
    assert fetch(source, output.with_name("genome.fa.gz")) == source.read_bytes()


@pytest.mark.parametrize("damage", [lambda b: b[:-20], lambda b: b[:40] + b"\0" * 9 + b[49:], lambda b: b"<html>" + b])
@pytest.mark.parametrize("name", ["genome.fa.gz", "genome.tar.gz"])
def test_corrupt_gzip_is_a_clear_error(tmp_path, output, damage, name):
    source = tmp_path / name
    member = ""
    if name.endswith(".tar.gz"):
        tar(source, {"genome.fa": TEXT})
        member = "genome.fa"
    else:
        source.write_bytes(gzip.compress(TEXT))
    source.write_bytes(damage(source.read_bytes()))
    assert f"{name} is corrupt or incomplete" in refused(source, output, member=member)


def test_wrong_crc_of_a_tar_gz_is_found_although_the_member_unpacks(tmp_path, output):
    source = tar(tmp_path / "a.tar.gz", {"x": TEXT})
    # Padding that no reader of the archive's entries gets to.
    content = bytearray(gzip.compress(gzip.decompress(source.read_bytes()) + bytes(3_000_000)))
    content[-8] ^= 1
    source.write_bytes(content)
    assert "a.tar.gz is corrupt" in refused(source, output, member="x")


def test_truncated_tar_and_zip_are_clear_errors(tmp_path, output):
    for source in (tar(tmp_path / "a.tar", {"x": TEXT}, "w"), zipped(tmp_path / "a.zip", {"x": TEXT})):
        content = source.read_bytes()
        source.write_bytes(content[: len(content) // 2])
        assert f"{source.name} is corrupt or incomplete" in refused(source, output, member="x")


def test_empty_file_is_an_error(tmp_path, output):
    for name in ("a.txt", "a.gz"):
        (tmp_path / name).touch()
        assert f"{name} is empty" in refused(tmp_path / name, output)
    (tmp_path / "a.tar").touch()
    assert "a.tar is corrupt" in refused(tmp_path / "a.tar", output, member="x")


@pytest.mark.parametrize("name", ["a.tar.gz", "a.tgz", "a.tar", "a.zip", "A.TAR.GZ"])
def test_member_by_path_and_by_unique_name(tmp_path, output, name):
    members = {"model/readme.txt": b"read me\n", "./model/sei.pth": TEXT, "other/readme.txt": b"no\n"}
    pack = zipped if name.endswith(".zip") else tar
    options = {} if pack is zipped or name.lower().endswith("gz") else {"mode": "w"}
    source = pack(tmp_path / name, members, **options)
    assert fetch(source, output, member="model/sei.pth") == TEXT
    assert fetch(source, output, member="sei.pth") == TEXT
    assert fetch(source, output, member="model/readme.txt") == b"read me\n"
    message = refused(source, output.with_name("other"), member="readme.txt")
    assert "one of several: model/readme.txt, other/readme.txt" in message
    message = refused(source, output.with_name("other"), member="sei.pt")
    assert "'sei.pt'" in message and "model/sei.pth" in message
    message = refused(source, output.with_name("other"))
    assert "is an archive" in message and "model/sei.pth" in message


def test_path_wins_over_name_and_the_last_of_equal_paths_wins(tmp_path, output):
    source = tar(tmp_path / "a.tar", {"d/x": b"in d", "x": b"on top"}, "w")
    assert fetch(source, output, member="x") == b"on top"
    with tarfile.open(source, "a") as archive:
        entry = tarfile.TarInfo("x")
        entry.size = 5
        archive.addfile(entry, io.BytesIO(b"newer"))
    assert fetch(source, output, member="x") == b"newer"


def test_directory_of_the_same_name_is_passed_over(tmp_path, output):
    source = tar(tmp_path / "a.tar", {"x": special("x", tarfile.DIRTYPE), "x/x": TEXT}, "w")
    assert fetch(source, output, member="x") == TEXT


def test_gzipped_member_is_unpacked_too(tmp_path, output):
    source = zipped(tmp_path / "a.zip", {"x.fa.gz": gzip.compress(TEXT)})
    assert fetch(source, output, member="x.fa.gz") == TEXT


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/abs/x", "..\\x", "C:/x"])
@pytest.mark.parametrize("kind", ["a.tar.gz", "a.zip"])
def test_unsafe_paths_are_refused_by_name(tmp_path, output, name, kind):
    source = (zipped if kind == "a.zip" else tar)(tmp_path / kind, {"good": b"good", name: b"evil"})
    asked = [name] if "\\" in name else [name, "x"]
    for member in asked:
        message = refused(source, output, member=member)
        assert f"member '{name}'" in message and ("absolute path" in message or "'..'" in message)
    # What is not asked for is never written, so it spoils nothing.
    assert fetch(source, output, member="good") == b"good"


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_are_refused(tmp_path, output, kind):
    source = tar(tmp_path / "a.tar.gz", {"good": b"good", "x": special("x", kind, "/etc/passwd")})
    message = refused(source, output, member="x")
    assert "member 'x'" in message and "link or a device" in message


def test_symlink_in_a_zip_is_refused(tmp_path, output):
    entry = zipfile.ZipInfo("x")
    entry.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(entry, "/etc/passwd")
    assert "link or a device" in refused(tmp_path / "a.zip", output, member="x")


def test_encrypted_zip_is_refused(tmp_path, output):
    source = zipped(tmp_path / "a.zip", {"x": TEXT})
    content = bytearray(source.read_bytes())
    # Bit 0 of the flags, in the local header and in the central directory.
    content[6] |= 1
    content[content.rindex(b"PK\x01\x02") + 8] |= 1
    source.write_bytes(content)
    assert "'x' of a.zip cannot be read" in refused(source, output, member="x")


def test_member_of_what_is_no_archive_is_refused(plain, output):
    assert "no archive" in refused(plain, output, member="x")


def test_failure_leaves_an_older_output_untouched(plain, output):
    output.write_text("older")
    with pytest.raises(InputError):
        fetch(plain, output, md5="0" * 32)
    assert output.read_text() == "older"
    assert list(output.parent.iterdir()) == [output]


def test_fetch_imports_no_model_library():
    code = "import sys, cisflow.commands.fetch; print([m for m in ('torch', 'pyfaidx', 'sklearn') if m in sys.modules])"
    library = {"PYTHONPATH": str(Path(download.__file__).parents[2])}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=library)
    assert done.stdout == "[]\n", done.stderr
