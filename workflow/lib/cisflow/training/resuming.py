"""The work folder of a training: what an earlier process left there is used where it is whole, and else thrown away."""

import json
import os
import zipfile

import torch
from lightning.fabric.plugins import TorchCheckpointIO
from lightning.pytorch.callbacks import ModelCheckpoint

from cisflow.io import files, work

# What lightning, `fit.Learner` and the loop after it read of a checkpoint.
PARTS = {"state_dict", "optimizer_states", "callbacks", "loops", "epoch", "global_step", "history", "round"}


class Checkpoints(TorchCheckpointIO):
    """Checkpoints under their name when they are whole.

    Lightning's own are written to the folder of temporary files and moved: to another disk that is a copy, which a
    kill or a full disk cuts.
    """

    def save_checkpoint(self, checkpoint, path, storage_options=None):
        with files.atomic(path) as temporary:
            torch.save(checkpoint, temporary)


class Kept(ModelCheckpoint):
    """Lightning's, which would forget the best epoch where the work folder has another path than before."""

    def load_state_dict(self, state_dict):
        super().load_state_dict(state_dict | {"dirpath": self.dirpath})


def prepare(folder, job, module, callback):
    """Make `folder` the work folder of a training, emptied, and said, unless what is in it goes on with the same job.

    Parameters
    ----------
    job : what the training depends on, as JSON; kept as `job.json`.
    module : the `fit.Learner` that goes on with `last.ckpt`; only looked at.
    callback : the key of the callback whose state is to be in the checkpoints.
    """
    job = json.loads(json.dumps(job))
    if reason := _useless(folder, job, module, callback):
        work.fresh(folder, reason)
        files.write_json(folder / "job.json", job)


def _useless(folder, job, module, callback):
    """Why a training cannot go on with what is in the folder, or None."""
    if not folder.is_dir():
        return "it is not a folder"
    found = work.note(folder / "job.json")
    if not found:
        return "job.json, which says whose checkpoints they are, cannot be read"
    if found != job:
        return "its checkpoints belong to another job"
    for name in ("last.ckpt", "best.ckpt"):
        if not os.path.lexists(folder / name):
            # The best epoch is saved first.
            if name == "best.ckpt" and os.path.lexists(folder / "last.ckpt"):
                return f"{name} is not there"
        elif reason := _damage(folder / name, module, callback):
            return f"{name} {reason}"
    return None


def _damage(path, module, callback):
    """What is wrong with a checkpoint, or None."""
    if not path.is_file():
        return "is not a file"
    try:
        # torch does not look at the checksums.
        with zipfile.ZipFile(path) as packed:
            if packed.testzip() is not None:
                return "is damaged"
        state = torch.load(path, map_location="cpu", weights_only=True)
    # Bytes of any kind are read, and what they raise is of any kind.
    except Exception:
        return "is not a whole checkpoint"
    if not isinstance(state, dict) or PARTS - set(state) or callback not in state["callbacks"]:
        return "is not a checkpoint of a training"
    layouts = [{name: tensor.shape for name, tensor in of.items()} for of in (state["state_dict"], module.state_dict())]
    if layouts[0] != layouts[1]:
        return "is of another network"
    return None
