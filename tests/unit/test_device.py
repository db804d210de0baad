import threading
from types import SimpleNamespace

import pytest
import torch

from cisflow.errors import InputError
from cisflow.models import device


def test_slots_are_held_by_one_job_each(tmp_path):
    held, most, lock = set(), [], threading.Lock()

    def job():
        with device.slot(["a", "b"], folder=tmp_path, wait_s=0.005) as number:
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
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    with pytest.raises(InputError, match="cuda was asked for, but torch sees no CUDA device"), device.acquire("cuda"):
        pass


def test_cuda_with_a_build_for_processors_names_the_key_that_selects_the_other(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.version, "cuda", None)
    monkeypatch.setattr(torch.version, "hip", None)
    with pytest.raises(InputError, match="is built without CUDA; `torch: cuda` in the config"), device.acquire("cuda"):
        pass


def test_cuda_that_the_workflow_did_not_grant_is_an_error(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    with pytest.raises(InputError, match="gpu=0"), device.acquire("cuda", gpus=0):
        pass


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """Says which cards, by what the driver calls them, a job sees."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(device.tempfile, "gettempdir", lambda: str(tmp_path))

    def sees(visible, uuids):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: len(uuids))
        monkeypatch.setattr(torch.cuda, "get_device_properties", lambda n: SimpleNamespace(uuid=uuids[n]))

    return sees


@pytest.mark.parametrize("uuids", [["GPU-x", "GPU-y"], [None, None]])
def test_two_jobs_that_see_the_same_cards_take_one_each(machine, uuids):
    machine("0,1", uuids)
    with device.acquire("auto") as first, device.acquire("auto") as second:
        assert {first.index, second.index} == {0, 1}


@pytest.mark.parametrize("named", [True, False])
def test_a_card_is_held_under_whatever_number_a_job_sees_it(machine, named):
    machine("2,3", ["GPU-x", "GPU-y"] if named else [None, None])
    with device.acquire("auto") as first:
        assert first.index == 0
        machine("2,5" if not named else "7,2", ["GPU-x", "GPU-z"] if named else [None, None])
        with device.acquire("auto") as second:
            assert second.index == 1


def test_a_scheduler_s_choice_stands(machine):
    machine("3", ["GPU-x"])
    with device.acquire("auto", gpus=1) as where:
        assert where == torch.device("cuda", 0)


def test_jobs_of_two_cards_each_never_share_one_nor_wait_for_each_other(tmp_path):
    held, most, lock = [], [], threading.Lock()

    def job():
        with device.slots(["a", "b", "c"], 2, folder=tmp_path, wait_s=0.005) as numbers:
            with lock:
                assert len(set(numbers)) == 2 and not set(numbers) & set(held)
                held.extend(numbers)
                most.append(len(held))
            threading.Event().wait(0.01)
            with lock:
                for number in numbers:
                    held.remove(number)

    jobs = [threading.Thread(target=job) for _ in range(5)]
    for thread in jobs:
        thread.start()
    for thread in jobs:
        thread.join(timeout=20)
    assert most == [2] * 5


def test_several_gpus_are_all_that_were_asked_for_or_a_line_says_so(machine, capsys):
    machine("0,1,2", ["GPU-x", "GPU-y", "GPU-z"])
    with device.acquire_several(2, "cuda", gpus=2) as devices:
        assert [where.index for where in devices] == [0, 1]
        with device.acquire("auto") as other:
            assert other.index == 2
    with device.acquire_several(2, "auto", gpus=1) as devices:
        assert len(devices) == 1
    assert "1 of 2 GPUs (auto: the workflow granted 1 (--resources gpu=2))" in capsys.readouterr().err
    with pytest.raises(InputError, match="4 GPUs were asked for, but torch sees 3"):
        device.acquire_several(4, "cuda", gpus=4).__enter__()


def test_processes_on_the_cpu_share_its_threads(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    threads = []
    monkeypatch.setattr(torch, "set_num_threads", threads.append)
    with device.acquire_several(3, "cpu", threads=8) as devices:
        assert devices == [torch.device("cpu")] * 3 and threads == [2]
