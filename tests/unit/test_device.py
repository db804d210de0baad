import threading

import pytest
import torch

from cisflow.errors import InputError
from cisflow.models import device


def test_slots_are_held_by_one_job_each(tmp_path):
    held, most, lock = set(), [], threading.Lock()

    def job():
        with device.slot(2, folder=tmp_path, wait_s=0.005) as number:
            with lock:
                assert number not in held
                held.add(number)
                most.append(len(held))
            threading.Event().wait(0.02)
            with lock:
                held.remove(number)

    jobs = [threading.Thread(target=job) for _ in range(6)]
    for thread in jobs:
        thread.start()
    for thread in jobs:
        thread.join(timeout=20)
    assert len(most) == 6
    assert max(most) == 2


def test_auto_runs_on_the_cpu_where_there_is_no_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with device.acquire("auto") as where:
        assert where.type == "cpu"


def test_cuda_without_a_gpu_is_an_error(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match="cuda was asked for, but torch sees no CUDA device"), device.acquire("cuda"):
        pass


def test_cuda_that_the_workflow_did_not_grant_is_an_error(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    with pytest.raises(InputError, match="gpu=0"), device.acquire("cuda", gpus=0):
        pass


def test_a_scheduler_s_choice_stands(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    with device.acquire("auto", gpus=1) as where:
        assert where == torch.device("cuda", 0)
