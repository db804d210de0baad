import numpy as np
import pytest
import torch
from torch import nn

from cisflow import models
from cisflow.errors import InputError
from cisflow.io import memory
from cisflow.models import inference, predict
from cisflow.sequence import dna
from weights import randomise

CPU = torch.device("cpu")


class Counting(nn.Module):
    """Four base counts scaled to probabilities; runs out of memory when given more sequences than it bears."""

    output = "probability"
    length = None
    n_outputs = 4

    def __init__(self, bears, error=torch.cuda.OutOfMemoryError):
        super().__init__()
        self.bears, self.error, self.sizes = bears, error, []

    def forward(self, x):
        self.sizes.append(len(x))
        if len(x) > self.bears:
            raise self.error("CUDA out of memory. Tried to allocate 3.56 GiB")
        return x.mean(2)


def predicted(model, sequences, strands="both", batch_size="auto"):
    return np.concatenate(list(predict.stream(model, sequences, CPU, strands, batch_size)))


def codes(n, length=50, seed=0):
    return np.random.default_rng(seed).integers(0, 5, (n, length)).astype(np.uint8)


def by_hand(sequences, strands):
    """The same by counting: an unknown base is a quarter of each."""
    counts = np.stack([(sequences == base).mean(1) for base in range(5)], axis=1)
    forward = counts[:, :4] + counts[:, 4:] / 4
    pair = np.stack([forward, forward[:, ::-1]], axis=1)
    return {"both": pair.mean(axis=1), "forward": forward, "separate": pair}[strands]


@pytest.mark.parametrize("strands", ["both", "forward", "separate"])
@pytest.mark.parametrize("batch_size", ["auto", 1, 7, 1000])
def test_extracted_rows_do_not_depend_on_the_batch(strands, batch_size):
    sequences = codes(23)
    found = predicted(Counting(10**6), sequences, strands, batch_size)
    np.testing.assert_allclose(found, by_hand(sequences, strands), atol=1e-6)
    assert found.dtype == np.float32


def cpu_error(_):
    return RuntimeError("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: not enough memory: you tried")


@pytest.mark.parametrize("error", [torch.cuda.OutOfMemoryError, cpu_error, MemoryError])
def test_a_batch_that_runs_out_of_memory_is_halved_and_no_row_is_lost(error, capsys):
    sequences = codes(50)
    model = Counting(5, error)
    found = predicted(model, sequences, "forward", batch_size=32)
    np.testing.assert_allclose(found, by_hand(sequences, "forward"), atol=5e-4)
    assert model.sizes == [32, 16, 8, *[4] * 12, 2]
    assert "out of memory with 8 rows in a batch; going on with 4" in capsys.readouterr().err


def test_one_window_that_does_not_fit_ends_with_a_message():
    with pytest.raises(InputError, match="out of memory with a single row in the batch: CUDA out of memory"):
        predicted(Counting(0), codes(3), batch_size=2)

    with pytest.raises(InputError, match="in the batch: MemoryError$"):
        predicted(Counting(0, lambda _: MemoryError()), codes(3), batch_size=2)


def test_other_errors_are_not_taken_for_a_lack_of_memory():
    def broken(message):
        return RuntimeError("size mismatch")

    with pytest.raises(RuntimeError, match="size mismatch"):
        predicted(Counting(0, broken), codes(3))


def test_what_torch_raises_on_a_full_cpu_is_known():
    with pytest.raises(RuntimeError) as caught:
        torch.empty(10**15)
    assert memory.ran_out(caught.value)
    assert not memory.ran_out(KeyError("memory"))


def test_fitting_batch_is_the_largest_power_of_two_that_fits():
    # 100 bytes whatever the batch and 10 a sequence: peaks of 120 and 160 bytes for 2 and 6.
    for sequences in (1, 2, 3, 50, 64, 65, 500):
        free = (100 + 10 * sequences) / inference.USABLE
        found = inference.fitting(free + 1, (2, 6), (120, 160))
        assert found <= sequences < 2 * found
    assert inference.fitting(50, (2, 6), (120, 160)) == 1
    assert inference.fitting(10**12, (2, 6), (120, 160)) == inference.LARGEST_BATCH


def test_sei_is_fused_and_keeps_its_outputs():
    plain = models.build("Sei", n_targets=5, channels=(5, 6, 8)).eval()
    sequences = codes(6, 600)
    expected = predicted(plain, sequences, batch_size=4)
    network, precision = inference.prepare(plain, "float32", CPU)
    assert network.name == "FusedSei" and precision == "float32"
    np.testing.assert_allclose(predicted(network, sequences), expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("architecture", "settings", "length"),
    [("Beluga", {"n_targets": 30, "hidden": 20}, 2000), ("BassetLike", {"length": 200}, 200), ("MotifCNN", {}, 200)],
)
def test_networks_without_a_fused_form_take_bfloat16_convolutions(architecture, settings, length, monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})
    model = randomise(models.build(architecture, **settings), torch.Generator().manual_seed(0))
    x = models.one_hot(codes(2, length), CPU)
    with torch.inference_mode():
        expected = model(x)
        network, precision = inference.prepare(model, "bfloat16", CPU)
        found = network(x)
    assert precision == "bfloat16" and found.dtype == torch.float32
    error = (found - expected).abs().max()
    assert 0 < error < 0.02 * max(1, expected.abs().max())


def test_bfloat16_is_skipped_with_a_reason_where_the_processor_has_none(monkeypatch, capsys):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": False, "amx_bf16": False})
    model = models.build("MotifCNN").eval()
    network, precision = inference.prepare(model, "bfloat16", CPU)
    assert precision == "float32" and {p.dtype for p in network.module.parameters()} == {torch.float32}
    message = "float32 instead of bfloat16: this processor has neither avx512_bf16 nor AMX"
    assert message in capsys.readouterr().err


def test_tf32_is_for_gpus_and_other_precisions_are_refused(capsys):
    model = models.build("MotifCNN").eval()
    assert inference.prepare(model, "tf32", CPU)[1] == "float32"
    assert "float32 instead of tf32" in capsys.readouterr().err
    with pytest.raises(InputError, match="precision: 'float16'; expected one of float32, tf32, bfloat16"):
        inference.prepare(model, "float16", CPU)


def test_one_hot_of_every_code_is_the_table_of_codes():
    found = models.one_hot(np.arange(len(dna.ONE_HOT), dtype=np.uint8)[None], CPU)
    np.testing.assert_array_equal(found[0].T.numpy(), dna.ONE_HOT)
    assert found.is_contiguous() and found.dtype == torch.float32
