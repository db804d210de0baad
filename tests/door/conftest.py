"""Files as people have them: copies and indices of a test stay in its own folder."""

import gzip
import struct
import zlib

import pytest


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("CISFLOW_CACHE", str(folder))
    return folder


def bgzipped(content, block=40):
    """Bytes as bgzip writes them: blocks of gzip that tell their size, and an empty one at the end."""
    parts = [content[i : i + block] for i in range(0, len(content), block)] + [b""]
    packed = b""
    for part in parts:
        deflate = zlib.compressobj(6, zlib.DEFLATED, -15)
        body = deflate.compress(part) + deflate.flush()
        head = struct.pack("<4BI2BH2B2H", 31, 139, 8, 4, 0, 0, 255, 6, 66, 67, 2, len(body) + 25)
        packed += head + body + struct.pack("<2I", zlib.crc32(part), len(part))
    assert gzip.decompress(packed) == content
    return packed


@pytest.fixture
def bgzip():
    return bgzipped
