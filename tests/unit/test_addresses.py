"""Secrets of addresses: read from the environment, sent to the host alone, told to nobody."""

import base64
import http.server
import threading

import pytest

from cisflow.__main__ import main
from cisflow.config import naming
from cisflow.errors import InputError
from cisflow.io import addresses, download

SECRET = "s3cret-w0rd"


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("https://a.org/b/c.gz", "https://a.org/b/c.gz"),
        ("https://user:pass@a.org/b", "https://a.org/b"),
        ("https://a.org/b?token=x&d=1", "https://a.org/b?…"),
        ("https://user:p@ss@a.org:80/b/c?x#y", "https://a.org:80/b/c?…"),
        ("https://a.org", "https://a.org"),
        ("data/a b@c?d", "data/a b@c?d"),
    ],
)
def test_what_is_told_of_an_address_has_no_user_and_no_query(url, told):
    assert addresses.shown(url) == told
    assert addresses.key(url).startswith(told) and addresses.key(url) != addresses.key(f"{url}x")


def test_variables_of_the_environment_have_their_values(monkeypatch):
    monkeypatch.setenv("PASSWORD", "a%40b")
    url, headers = addresses.request("https://me:${PASSWORD}@a.org/b?t=${PASSWORD}", "x")
    assert url == "https://a.org/b?t=a%40b"
    assert base64.b64decode(headers["Authorization"].split()[1]) == b"me:a@b"
    with pytest.raises(
        InputError, match=r"resource 'x': its url names \$\{ABSENT\}, which the environment does not set"
    ):
        addresses.request("https://a.org/${ABSENT}", "x")


@pytest.fixture
def server(monkeypatch):
    """A server of whose paths `/moved` is on another; both tell in `asked` who asks for what."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append((self.server is first, self.path, self.headers.get("Authorization")))
            if self.path.startswith("/moved"):
                self.send_response(302)
                self.send_header("Location", f"http://127.0.0.1:{second.server_address[1]}/there")
            else:
                self.send_response(404 if "absent" in self.path else 200)
            self.send_header("Content-Length", "5")
            self.end_headers()
            self.wfile.write(b"bytes")

        def log_message(self, *_):
            pass

    monkeypatch.setattr(download, "WAITS", ())
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    first, second = (http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) for _ in range(2))
    for one in (first, second):
        threading.Thread(target=one.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield f"127.0.0.1:{first.server_address[1]}", asked
    for one in (first, second):
        one.shutdown()
        one.server_close()


def test_a_login_is_sent_to_its_host_and_not_to_where_that_sends_us_on(server, tmp_path):
    host, asked = server
    assert main(["fetch", "--url", f"http://me:{SECRET}@{host}/moved", "--name", "x", "--output", f"{tmp_path}/x"]) == 0
    login = "Basic " + base64.b64encode(f"me:{SECRET}".encode()).decode()
    assert asked == [(True, "/moved", login), (False, "/there", None)]
    assert (tmp_path / "x").read_bytes() == b"bytes"


@pytest.mark.parametrize(
    "path", ["/absent?token=TOKEN", "/a?sig=TOKEN&expected", "/with blanks?token=TOKEN", ":port/TOKEN"]
)
@pytest.mark.parametrize("form", ["literal", "variable"])
def test_no_secret_is_told_or_kept(server, tmp_path, capsys, monkeypatch, path, form):
    host, _ = server
    monkeypatch.setenv("TOKEN", SECRET)
    word = SECRET if form == "literal" else "${TOKEN}"
    if path.startswith(":port"):
        host, word = "127.0.0.1", "${TOKEN}"
    url = f"http://me:{word}@{host}{path.replace('TOKEN', word)}"
    main(["fetch", "--url", url, "--name", "x", "--sha256", "0" * 64, "--output", f"{tmp_path}/x"])
    told = capsys.readouterr()
    assert "resource 'x': " in told.err and SECRET not in told.out + told.err
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()]


@pytest.mark.parametrize(
    ("url", "secret"),
    [
        ("https://user:pass@a.org/b", True),
        ("https://user:${PASSWORD}@a.org/b", False),
        ("https://user@a.org/b", False),
        ("https://a.org:8080/b:c@d", False),
        ("https://a.org/b?download=1", False),
        ("https://a.org/b?access_token=abc", True),
        ("https://a.org/b?x=1&X-Amz-Signature=abc", True),
        ("https://a.org/b?access_token=${TOKEN}&x=1", False),
        ("s3://key:secret@bucket/b", True),
    ],
)
def test_a_config_with_a_secret_is_refused(url, secret):
    assert bool(naming.SECRET.search(url)) == secret
