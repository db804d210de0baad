"""The published checkpoint is as large as the memory of a small job: loading it must not hold it twice."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cisflow import models

ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(models.__file__).parents[2])}

WRITE = """
import sys, torch
from torch._subclasses.fake_tensor import FakeTensorMode
from cisflow import models
with FakeTensorMode():
    state = {"module.model." + name: value for name, value in models.build("Sei").state_dict().items()}
# The file has its full size and layout; its numbers are zeros that are never written.
with torch.serialization.skip_data(materialize_fake_tensors=True):
    torch.save({"state_dict": state}, sys.argv[1])
"""

# A forward pass reads every weight, so every page of the mapped file counts.
LOAD = """
import resource, sys, torch
from cisflow import models
from cisflow.models import inference
torch.set_num_threads(1)
model = models.load_pretrained("Sei", {}, sys.argv[1])
if sys.argv[2] != "plain":
    model, _ = inference.prepare(model, sys.argv[2], torch.device("cpu"))
with torch.inference_mode():
    outputs = model(torch.full((1, 4, 256), 0.25))
assert outputs.shape == (1, 21907) and bool((outputs == 0.5).all())
scale = 1024 if sys.platform != "darwin" else 1
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale)
"""


@pytest.mark.slow
def test_a_full_size_checkpoint_is_loaded_and_used_within_4_gb(tmp_path):
    path = tmp_path / "sei.pth"
    try:
        subprocess.run([sys.executable, "-c", WRITE, path], check=True, env=ENVIRONMENT)
        assert path.stat().st_size > 889_979_983 * 4
        command = [sys.executable, "-c", LOAD, path, "plain"]
        run = subprocess.run(command, check=True, capture_output=True, text=True, env=ENVIRONMENT)
        assert int(run.stdout) < 4e9
    finally:
        path.unlink(missing_ok=True)
