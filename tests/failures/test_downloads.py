"""Downloads from a loopback server that misbehaves: what is served again, what is kept, what is said."""

import contextlib
import gzip
import hashlib
import http.server
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tarfile
import threading
import time
from pathlib import Path

import pytest

from cisflow.__main__ import main
from cisflow.errors import InputError
from cisflow.io import download

BODY = bytes(range(256)) * 4000  # about 1 MB, so that a cut lies well inside several reads
SHA256 = hashlib.sha256(BODY).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves `server.body`; `server.plan` holds one misbehaviour a request, an empty one being none."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        server = self.server
        plan = server.plan.pop(0) if server.plan else {}
        entry = {"path": self.path, "headers": dict(self.headers), "status": 200, "sent": 0}
        server.requests.append(entry)
        self.close_connection = True
        if "status" in plan:
            entry["status"] = plan["status"]
            self.send_error(plan["status"])
            return
        if "redirect" in plan:
            entry["status"] = 302
            self.send_response(302)
            self.send_header("Location", plan["redirect"])
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        start = self.asked_start() if server.ranges else 0
        if start >= len(server.body) > 0:
            entry["status"] = 416
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(server.body)}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        entry["status"] = 206 if start else 200
        self.send_response(entry["status"])
        if start:
            place = f"bytes {start}-{len(server.body) - 1}/{len(server.body)}"
            self.send_header("Content-Range", plan.get("place", place))
        for name, value in server.validators.items():
            self.send_header(name, value)
        if not plan.get("chunked"):
            self.send_header("Content-Length", str(len(server.body) - start))
        else:
            self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        content = server.body[start : plan.get("cut", len(server.body))]
        entry["sent"] = len(content)
        if plan.get("chunked"):
            self.wfile.write(b"%x\r\n%b\r\n" % (len(content), content))
            if "cut" not in plan:
                self.wfile.write(b"0\r\n\r\n")
        else:
            self.wfile.write(content)
        self.wfile.flush()
        if "stall" in plan:
            server.released.wait(plan["stall"])

    def asked_start(self):
        """First byte of a range that holds good: none was asked for, or the version is another -> 0."""
        match = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        condition = self.headers.get("If-Range")
        if match is None or (condition and self.server.honest and condition not in self.server.validators.values()):
            return 0
        return int(match[1])

    def log_message(self, *args):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(download, "WAITS", (0, 0, 0))
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "127.0.0.1")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.body, server.plan, server.requests = BODY, [], []
    server.ranges, server.honest, server.validators = True, True, {"ETag": '"v1"'}
    server.released = threading.Event()
    server.url = f"http://127.0.0.1:{server.server_address[1]}/files/thing.bin"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield server
    server.released.set()
    server.shutdown()
    server.server_close()
    thread.join(10)


@pytest.fixture
def output(tmp_path):
    return tmp_path / "resources" / "thing.bin"


def fetch(server, output, sha256=SHA256, **options):
    download.fetch(server.url, "thing", output, sha256=sha256, **options)


def served(server):
    return [(entry["status"], entry["sent"]) for entry in server.requests]


def leftovers(output):
    return sorted(path.name for path in output.parent.iterdir() if path != output)


def test_good_download_sends_an_agent_and_leaves_the_output_alone(server, output):
    fetch(server, output)
    assert output.read_bytes() == BODY
    assert leftovers(output) == []
    headers = server.requests[0]["headers"]
    assert headers["User-Agent"].startswith("cisflow/")
    assert "Range" not in headers


def test_truncated_body_is_resumed_and_only_the_missing_bytes_are_served(server, output):
    server.plan = [{"cut": 300_001}, {"cut": 700_002}, {}]
    fetch(server, output)
    assert output.read_bytes() == BODY
    assert served(server) == [(200, 300_001), (206, 400_001), (206, len(BODY) - 700_002)]
    assert [entry["headers"].get("Range") for entry in server.requests] == [None, "bytes=300001-", "bytes=700002-"]
    assert server.requests[1]["headers"]["If-Range"] == '"v1"'


@pytest.mark.parametrize(
    "validators, condition",
    [
        ({"ETag": 'W/"v1"', "Last-Modified": "Tue, 20 Oct 2026 07:28:00 GMT"}, "Tue, 20 Oct 2026 07:28:00 GMT"),
        ({"ETag": 'W/"v1"'}, None),
        ({}, None),
    ],
)
def test_condition_of_a_range_is_a_strong_validator_or_none(server, output, validators, condition):
    server.validators = validators
    server.plan = [{"cut": 1000}]
    fetch(server, output)
    assert output.read_bytes() == BODY
    assert server.requests[1]["headers"].get("If-Range") == condition
    assert served(server)[1] == (206, len(BODY) - 1000)


def test_part_is_kept_across_runs_and_the_next_run_goes_on(server, output):
    server.plan = [{"cut": 500_000}, {"status": 503}, {"status": 500}, {"status": 502}]
    with pytest.raises(InputError) as caught:
        fetch(server, output)
    assert "resource 'thing'" in str(caught.value) and "502" in str(caught.value)
    assert "4 attempts" in str(caught.value) and "500000 bytes are kept" in str(caught.value)
    assert not output.exists()
    assert leftovers(output) == ["thing.bin.part", "thing.bin.part.json"]
    server.requests.clear()
    fetch(server, output)
    assert output.read_bytes() == BODY
    assert served(server) == [(206, len(BODY) - 500_000)]
    assert leftovers(output) == []


def test_part_of_another_url_is_not_gone_on_with(server, output):
    server.plan = [{"cut": 500_000}, *[{"status": 500}] * 3]
    with pytest.raises(InputError):
        fetch(server, output)
    server.url += "?download=1"
    server.requests.clear()
    fetch(server, output)
    assert served(server) == [(200, len(BODY))]


def test_part_without_its_record_is_not_gone_on_with(server, output):
    output.parent.mkdir()
    output.with_name("thing.bin.part").write_bytes(b"who knows what")
    fetch(server, output)
    assert output.read_bytes() == BODY
    assert served(server) == [(200, len(BODY))]


def test_server_without_ranges_starts_over(server, output):
    server.ranges = False
    server.plan = [{"cut": 400_000}]
    fetch(server, output)
    assert output.read_bytes() == BODY
    assert served(server) == [(200, 400_000), (200, len(BODY))]


def test_whole_part_of_no_known_version_is_downloaded_again(server, output):
    server.validators = {}
    output.parent.mkdir()
    output.with_name("thing.bin.part").write_bytes(BODY[::-1])
    record = {"url": server.url, "validator": "", "total": len(BODY)}
    output.with_name("thing.bin.part.json").write_text(json.dumps(record))
    fetch(server, output)
    assert output.read_bytes() == BODY
    assert served(server) == [(416, 0), (200, len(BODY))]


@pytest.mark.parametrize("honest", [True, False], ids=["honours If-Range", "ignores If-Range"])
def test_changed_resource_starts_over(server, output, honest):
    server.plan = [{"cut": 400_000}, *[{"status": 500}] * 3]
    with pytest.raises(InputError):
        fetch(server, output)
    server.body, server.validators, server.honest = BODY[::-1], {"ETag": '"v2"'}, honest
    fetch(server, output, sha256=hashlib.sha256(server.body).hexdigest())
    assert output.read_bytes() == server.body
    assert served(server)[-1] == (200, len(BODY))


@pytest.mark.parametrize("place", ["", "items 1-2/3", "bytes 7-1023999/1024000", "bytes 400000-1023999/1024001"])
def test_part_from_another_place_is_not_joined_on(server, output, place):
    server.plan = [{"cut": 400_000}, {"place": place}]
    fetch(server, output, sha256="")
    assert output.read_bytes() == BODY
    assert [status for status, _ in served(server)] == [200, 206, 200]


def test_range_past_the_end_starts_over(server, output):
    server.validators = {}
    server.plan = [{"cut": 400_000}, *[{"status": 500}] * 3]
    with pytest.raises(InputError):
        fetch(server, output)
    server.body = BODY[:100_000]
    fetch(server, output, sha256=hashlib.sha256(server.body).hexdigest())
    assert output.read_bytes() == server.body
    assert served(server)[-2:] == [(416, 0), (200, 100_000)]


def test_whole_part_of_a_run_that_was_stopped_after_it_is_not_downloaded_again(server, output, tmp_path):
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        entry = tarfile.TarInfo("folder/model.pth")
        entry.size = len(BODY)
        tar.addfile(entry, io.BytesIO(BODY))
    server.body, server.url = archive.getvalue(), server.url.replace("thing.bin", "model.tar.gz?download=1")
    digest = hashlib.sha256(server.body).hexdigest()
    with pytest.raises(InputError, match=r"'model.pt' of model.tar.gz is not there; it has folder/model.pth"):
        fetch(server, output, sha256=digest, member="model.pt")
    assert not output.exists()
    fetch(server, output, sha256=digest, member="model.pth")
    assert output.read_bytes() == BODY
    assert served(server) == [(200, len(server.body)), (416, 0)]
    assert leftovers(output) == []


def test_wrong_checksum_deletes_the_download_and_names_both(server, output):
    wrong = "0" * 64
    with pytest.raises(InputError) as caught:
        fetch(server, output, sha256=wrong)
    message = str(caught.value)
    assert "resource 'thing'" in message and wrong in message and SHA256 in message and "deleted" in message
    assert list(output.parent.iterdir()) == []


def test_corrupt_archive_deletes_the_download(server, output):
    server.body = gzip.compress(BODY)[:-9]
    server.url = server.url.replace(".bin", ".gz")
    with pytest.raises(InputError, match="corrupt or incomplete.*deleted"):
        fetch(server, output, sha256="")
    assert list(output.parent.iterdir()) == []


@pytest.mark.parametrize("absolute", [False, True], ids=["parent", "absolute"])
def test_unsafe_archive_from_a_server_writes_nothing(server, output, tmp_path, absolute):
    name = str(tmp_path / "escaped") if absolute else "../escaped"
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        for member, content in (("model/sei.pth", b"good"), (name, b"evil")):
            entry = tarfile.TarInfo(member)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    server.body, server.url = archive.getvalue(), server.url.replace(".bin", ".tar.gz")
    for asked in ("escaped", name):
        with pytest.raises(
            InputError, match=f"member '{name}' .* has {'an absolute path' if absolute else repr('..')}"
        ):
            fetch(server, output, sha256="", member=asked)
        assert not output.exists()
    # What is not asked for is not written, wherever it points.
    fetch(server, output, sha256="", member="model/sei.pth")
    assert output.read_bytes() == b"good"
    assert not list(tmp_path.rglob("escaped"))


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
def test_refusal_is_an_error_at_once(server, output, status):
    server.plan = [{"status": status}] * 9
    with pytest.raises(InputError) as caught:
        fetch(server, output)
    assert (
        "resource 'thing'" in str(caught.value) and server.url in str(caught.value) and str(status) in str(caught.value)
    )
    assert len(server.requests) == 1
    assert not output.exists()


@pytest.mark.parametrize("status", [429, 500, 503, 504])
def test_passing_error_is_tried_again(server, output, status, capsys):
    server.plan = [{"status": status}, {}]
    fetch(server, output)
    assert output.read_bytes() == BODY
    assert len(server.requests) == 2
    assert f"{status}" in capsys.readouterr().err


def test_lasting_error_gives_up_after_some_attempts(server, output):
    server.plan = [{"status": 503}] * 99
    with pytest.raises(InputError, match="503"):
        fetch(server, output)
    assert len(server.requests) == len(download.WAITS) + 1


def test_no_server_is_a_clear_error(server, output, monkeypatch):
    with contextlib.closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        server.url = f"http://127.0.0.1:{free.getsockname()[1]}/x"
        with pytest.raises(InputError, match="no connection"):
            fetch(server, output)


@pytest.mark.parametrize("url", ["http://127.0.0.1:port/x", "http:///x y", "http://127.0.0.1/a b"])
def test_malformed_url_is_a_clear_error(server, output, url):
    server.url = url
    with pytest.raises(InputError, match="resource 'thing'"):
        fetch(server, output)


def test_stalled_connection_is_dropped_and_resumed(server, output, monkeypatch):
    monkeypatch.setattr(download, "TIMEOUT", 0.3)
    server.plan = [{"cut": 600_000, "stall": 20}]
    started = time.monotonic()
    fetch(server, output)
    assert time.monotonic() - started < 15
    assert output.read_bytes() == BODY
    assert served(server)[1] == (206, len(BODY) - 600_000)


def test_broken_chunked_body_is_noticed(server, output):
    server.plan = [{"cut": 250_000, "chunked": True}]
    fetch(server, output)
    assert output.read_bytes() == BODY


def test_redirect_is_followed_with_the_range(server, output):
    here = server.url.replace("files", "mirror")
    server.plan = [{"redirect": here}, {"cut": 1000}, {"redirect": here}]
    fetch(server, output)
    assert output.read_bytes() == BODY
    assert served(server)[-1] == (206, len(BODY) - 1000)


def test_no_checksum_prints_the_true_one(server, output, capsys):
    fetch(server, output, sha256="")
    assert "WARNING" in (printed := capsys.readouterr().err)
    assert f"sha256: {SHA256}" in printed
    assert output.with_name("thing.bin.sha256").read_text() == f"{SHA256}  thing.bin\n"


def test_killed_process_leaves_a_part_that_the_next_one_goes_on_with(server, output):
    server.plan = [{"cut": 800_000, "stall": 30}]
    words = ["fetch", "--url", server.url, "--name", "thing", "--output", str(output), "--sha256", SHA256]
    environment = {**os.environ, "PYTHONPATH": str(Path(download.__file__).parents[2])}
    command = [sys.executable, "-m", "cisflow", *words]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    part = output.with_name("thing.bin.part")
    try:
        deadline = time.monotonic() + 30
        while not (part.exists() and part.stat().st_size == 800_000):
            assert time.monotonic() < deadline, "the download did not get to 800,000 bytes in 30 s"
            time.sleep(0.02)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    assert not output.exists()
    assert main(words) == 0
    assert output.read_bytes() == BODY
    assert served(server)[-1] == (206, len(BODY) - 800_000)
    assert leftovers(output) == []
