"""Files whose times lie in the future."""

import os
import time

from cisflow.config import clock


def test_times_in_the_future_are_set_back_to_now(tmp_path):
    now = time.time()
    ages = {"a/future": 3600, "a/b/future": 1e6, "a/now": 0, "a/soon": 5, "past": -1e6, ".cache/future": 3600}
    for name, seconds in ages.items():
        path = tmp_path / "results" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
        os.utime(path, (now + seconds, now + seconds))
    (tmp_path / "results" / "link").symlink_to("nowhere")
    before = {name: (tmp_path / "results" / name).stat().st_mtime for name in ages}
    assert clock.set_back([tmp_path / "results", tmp_path / "absent"]) == 2
    after = {name: (tmp_path / "results" / name).stat().st_mtime for name in ages}
    changed = {name for name in ages if after[name] != before[name]}
    assert changed == {"a/future", "a/b/future"}
    assert all(abs(after[name] - time.time()) < 60 for name in changed)
    assert clock.set_back([tmp_path / "results"]) == 0
