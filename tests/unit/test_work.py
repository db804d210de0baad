"""Work folders: one process at a time, and a lock that ends with its owner."""

import os

import pytest

from cisflow.errors import InputError
from cisflow.io import work
from holding import holder, killed_soon, start, within

COUNT = """
import pathlib, sys, time
from cisflow.io import work
counter = pathlib.Path(sys.argv[2])
for _ in range(25):
    with work.held(sys.argv[1]) as folder:
        folder.mkdir()
        number = int(counter.read_text())
        time.sleep(0.001)
        counter.write_text(str(number + 1))
        work.remove(folder)
"""


def test_a_second_process_waits_for_the_first_and_says_so_once(tmp_path, capsys):
    with within(120), killed_soon(tmp_path / "work") as first:
        with work.held(tmp_path / "work"):
            assert first.wait(timeout=60) < 0
        told = capsys.readouterr().err.splitlines()
        assert len(told) == 1 and "waiting until it has ended" in told[0]
        assert f"work: process {first.pid} of " in told[0]
    assert list(tmp_path.iterdir()) == []


def test_who_waits_outlives_the_folder_that_the_first_removes(tmp_path, monkeypatch):
    waited, wait = [], work._wait

    def removed_meanwhile(handle, folder, told):
        if not waited:
            (folder.parent / "work.lock").unlink()
            folder.parent.rmdir()
        waited.append(1)
        return wait(handle, folder, told)

    monkeypatch.setattr(work, "_wait", removed_meanwhile)
    with work.held(tmp_path / "output" / "work"):
        assert (tmp_path / "output" / "work.lock").exists() and len(waited) == 2


def test_the_lock_of_a_killed_process_is_no_lock(tmp_path, capsys):
    with holder(tmp_path / "work") as process:
        process.kill()
    assert (tmp_path / "work.lock").exists()
    with within(120), work.held(tmp_path / "work"):
        assert capsys.readouterr().err == ""


def test_folders_that_come_and_go_are_held_by_one_process_at_a_time(tmp_path):
    """Who waits for a lock gets that of a file which its last owner has removed."""
    counter = tmp_path / "counter"
    counter.write_text("0")
    processes = [start(COUNT, tmp_path / "work", counter) for _ in range(3)]
    for process in processes:
        process.communicate(timeout=60)
        assert process.returncode == 0
    assert counter.read_text() == "75" and not (tmp_path / "work.lock").exists()


@pytest.mark.parametrize("what", ["folder", "link", "bytes"])
def test_whatever_has_the_name_of_the_lock_is_in_nobodys_way(tmp_path, what):
    path = tmp_path / "work.lock"
    if what == "folder":
        (path / "inner").mkdir(parents=True)
    elif what == "link":
        path.symlink_to("nowhere")
    else:
        path.write_bytes(os.urandom(100))
    with within(120), work.held(tmp_path / "work"):
        assert path.is_file()
    assert not path.exists()


def test_a_file_system_without_locks_is_said(tmp_path, capsys, monkeypatch):
    def refuse(*_):
        raise OSError(work.errno.ENOLCK, "No locks available")

    monkeypatch.setattr(work.fcntl, "flock", refuse)
    with work.held(tmp_path / "work"):
        assert "work: no lock to be had (No locks available)" in capsys.readouterr().err


def test_a_folder_is_emptied_whatever_it_is(tmp_path, capsys):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "file").write_text("stays")
    folder = tmp_path / "work"
    (folder / "inner" / "inner").mkdir(parents=True)
    (folder / "link").symlink_to(tmp_path / "elsewhere")
    (folder / "broken").symlink_to("nowhere")
    (folder / "file").write_text("")
    for _ in range(2):
        work.fresh(folder, "it is of no use")
        assert list(folder.iterdir()) == []
    # The second time there is nothing to say.
    assert capsys.readouterr().err == f"{folder}: it is of no use; the job starts afresh\n"
    assert (tmp_path / "elsewhere" / "file").exists()
    folder.rmdir()
    folder.write_text("a file")
    work.fresh(folder, "it is of no use")
    assert folder.is_dir()


@pytest.mark.parametrize("text", [b"", b"{", b"[1]", b"3", b"\xff\x00", b"\0" * 9, b"[" * 100_000])
def test_a_note_that_cannot_be_read_says_nothing(tmp_path, text):
    (tmp_path / "note.json").write_bytes(text)
    assert work.note(tmp_path / "note.json") == work.note(tmp_path) == work.note(tmp_path / "none") == {}


@pytest.mark.parametrize("of", ["link", "file", "others"])
def test_a_private_folder_is_nobody_elses(tmp_path, of):
    folder = tmp_path / "private"
    assert work.private(folder) == work.private(folder) == folder and folder.stat().st_mode & 0o77 == 0
    folder.rmdir()
    if of == "link":
        (tmp_path / "elsewhere").mkdir(mode=0o700)
        folder.symlink_to(tmp_path / "elsewhere")
    elif of == "file":
        folder.write_text("")
    else:
        folder.mkdir()
        folder.chmod(0o777)
    with pytest.raises(InputError, match="expected a folder that this user alone may write to"):
        work.private(folder)
