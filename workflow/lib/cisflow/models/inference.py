"""How a network runs when only its outputs are wanted: number format, fused layers, and batches that fit in memory."""

import dataclasses
import sys

import torch

from cisflow.config import settings
from cisflow.config.settings import setting
from cisflow.errors import InputError
from cisflow.io import memory
from cisflow.models.network import Network


class Settings(settings.Settings):
    """How a network runs when only its outputs are wanted."""

    precision: str = setting(
        "float32",
        choices=["float32", "tf32", "bfloat16"],
        meaning="Arithmetic of the network; tf32 needs a GPU, bfloat16 a processor or GPU that has it, else a warning "
        "says so and float32 is used.",
    )
    batch_size: int = setting(
        "auto",
        word="auto",
        minimum=1,
        meaning="Windows in a forward pass; auto takes what the memory holds. Halved when memory runs out.",
    )


PRECISIONS = tuple(Settings.schema()["precision"]["enum"])

# Enough for the dense layers to be read once for many windows; the convolutions of a fused network split it further.
CPU_BATCH = 64
# Beyond this a GPU is full and a larger batch only takes memory.
LARGEST_BATCH = 512
# Sizes of the two batches that are run to learn what a sequence takes.
PROBES = (2, 6)
# Share of the free memory that a batch may take; the rest is for what the allocator cannot use.
USABLE = 0.8


def prepare(model, precision, device):
    """A loaded network made ready for `device`: the same outputs, to within the precision asked for, sooner.

    A network that has an exact faster form (`Architecture.for_inference`) takes it. Sets whether this process
    multiplies float32 numbers in TF32 on a GPU.

    Parameters
    ----------
    model : Network, or bare Architecture, in eval mode; its tensors are moved or converted, so it is used up.
    precision : "float32"; "tf32", float32 storage with products of 11-bit significands, on a GPU; "bfloat16", weights
        and activations of convolutions in bfloat16, dense layers in float32 (on a GPU TF32).
    device : torch device.

    Returns
    -------
    Network, and the precision it got: where the processor has no such
    arithmetic that is float32, and a warning on stderr says so.
    """
    if precision not in PRECISIONS:
        raise InputError(f"precision: '{precision}'; expected one of {', '.join(PRECISIONS)}")
    if lack := _lacking(precision, device):
        print(f"precision: float32 instead of {precision}: {lack}", file=sys.stderr)
        precision = "float32"
    tf32 = precision != "float32"
    torch.backends.cuda.matmul.allow_tf32 = tf32
    torch.backends.cudnn.allow_tf32 = tf32
    network = Network.of(model).to(device)
    network.module.requires_grad_(False)
    dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
    faster = network.module.for_inference(dtype)
    if faster is None:
        faster = _in_bfloat16(network.module) if precision == "bfloat16" else network.module
    return dataclasses.replace(network, module=faster), precision


def _lacking(precision, device):
    """Why `device` has no fast arithmetic of this precision; empty where it has."""
    if precision == "float32":
        return ""
    if device.type == "cpu":
        if precision == "tf32":
            return "TF32 is arithmetic of NVIDIA GPUs"
        has = torch.cpu.get_capabilities()
        return "" if has.get("avx512_bf16") or has.get("amx_bf16") else "this processor has neither avx512_bf16 nor AMX"
    major, _ = torch.cuda.get_device_capability(device)
    return "" if major >= 8 else f"{torch.cuda.get_device_name(device)} has none; it came with compute capability 8.0"


def _in_bfloat16(module):
    """Convert the convolutions of any module to bfloat16, in place; what lies between them stays float32."""
    for layer in module.modules():
        if isinstance(layer, (torch.nn.Conv1d, torch.nn.Conv2d)):
            layer.to(torch.bfloat16)
            layer.register_forward_pre_hook(lambda _, inputs: (inputs[0].to(torch.bfloat16),))
            layer.register_forward_hook(lambda _, inputs, output: output.float())
    return module


def largest_batch(network, length, device):
    """Sequences in a forward pass, as many as profit and fit.

    On a CPU a constant. On a GPU two small batches are run, their peaks of memory give what a sequence takes, and the
    result is the largest power of two that the free memory holds: the same on the same empty card every time.
    """
    if device.type != "cuda":
        return CPU_BATCH
    torch.cuda.empty_cache()
    before = torch.cuda.memory_allocated(device)
    free, _ = torch.cuda.mem_get_info(device)
    peaks = []
    for size in PROBES:
        torch.cuda.reset_peak_memory_stats(device)
        network(*network.inputs(torch.zeros(size, length, dtype=torch.uint8), device))
        peaks.append(torch.cuda.max_memory_allocated(device) - before)
    torch.cuda.empty_cache()
    return fitting(free, PROBES, peaks)


def fitting(free, sizes, peaks):
    """The largest power of two, at most LARGEST_BATCH, whose batch fits in `free` bytes.

    Parameters
    ----------
    sizes, peaks : two batch sizes and the bytes that each took at its peak; a batch is taken to need a constant and
        so much a sequence.
    """
    each = max(1, (peaks[1] - peaks[0]) / (sizes[1] - sizes[0]))
    constant = max(0, peaks[0] - each * sizes[0])
    fits = min(LARGEST_BATCH, int((USABLE * free - constant) / each))
    return 1 << max(0, fits.bit_length() - 1) if fits > 0 else 1


def in_batches(function, n, size):
    """Yield (start, stop, function(start, stop)) over the rows 0 … n - 1, at most `size` at a time.

    When a batch runs out of memory, on a GPU or a CPU, it and those after it are halved.

    Raises
    ------
    InputError : not even one row fits.
    """
    start = 0
    while start < n:
        stop = min(n, start + size)
        # The tensors of a failed batch live as long as its error, so memory is given back after the except clause.
        try:
            result = function(start, stop)
        except (RuntimeError, MemoryError) as error:
            if not memory.ran_out(error):
                raise
            if stop - start == 1:
                reason = memory.in_words(error)
                raise InputError(f"out of memory with a single row in the batch: {reason}") from None
            result = None
        if result is None:
            size = (stop - start) // 2
            print(f"out of memory with {stop - start} rows in a batch; going on with {size}", file=sys.stderr)
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            continue
        yield start, stop, result
        start = stop


def to_device(codes, device):
    """An array (numpy) on `device`; to a GPU through page-locked memory, so that the copy runs beside its work."""
    tensor = torch.from_numpy(codes)
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor


class Download:
    """A tensor on its way to the host; the copy starts at once, `numpy()` waits for it."""

    def __init__(self, tensor):
        self.host, self.done = tensor, None
        if tensor.device.type == "cuda":
            self.host = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
            self.host.copy_(tensor, non_blocking=True)
            self.done = torch.cuda.Event()
            self.done.record()

    def numpy(self):
        if self.done is not None:
            self.done.synchronize()
        return self.host.numpy()
