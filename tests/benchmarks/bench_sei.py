"""Full-size Sei with random weights: the plain forward against the fast paths, side by side.

    python tests/benchmarks/bench_sei.py                       # CPU: 4,096 bp, batch 16, 2 threads
    python tests/benchmarks/bench_sei.py --device cuda         # GPU: batch from the free memory

Every variant runs in this process, in turn, `--repeats` times. Times are compared within a round, so that load from
elsewhere falls on both; the ratio is the median over rounds, with their range. Needs 4.5 GB.
"""

import argparse
import resource
import statistics
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "workflow" / "lib"), str(ROOT / "tests" / "helpers")]

import torch  # noqa: E402
from torch import nn  # noqa: E402

from cisflow import models  # noqa: E402
from cisflow.models import inference  # noqa: E402
from weights import spread_sei  # noqa: E402

WINDOWS, STRANDS = 75_992, 2


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--length", type=int, default=4096, help="bp")
    parser.add_argument("--batch", type=int, help="sequences in a forward pass; 16 on a CPU, what fits on a GPU")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads")
    parser.add_argument("--repeats", type=int, default=5, help="rounds, after one to warm up")
    parser.add_argument(
        "--clock", default="wall", choices=("wall", "cpu"), help="cpu with --threads 1, where other jobs take turns"
    )
    parser.add_argument("--targets", type=int, default=21907, help="outputs of the network")
    parser.add_argument("--channels", type=int, nargs=3, default=[480, 640, 960], help="widths of the three stages")
    parser.add_argument("--precisions", nargs="+", default=None, choices=inference.PRECISIONS)
    return parser.parse_args()


def sync(device):
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def seconds(function, device, clock=time.perf_counter):
    sync(device)
    started = clock()
    result = function()
    sync(device)
    return clock() - started, result


def multiply_adds(network, length):
    """Floating point operations a sequence (two a multiply-add) of the convolutions and dense layers that run."""
    total = 0

    def count(module, inputs, output):
        nonlocal total
        total += 2 * output[0].numel() * module.weight[0].numel()

    layers = [module for module in network.modules() if isinstance(module, (nn.Conv1d, nn.Linear))]
    handles = [layer.register_forward_hook(count) for layer in layers]
    network(torch.zeros(1, 4, length, device=next(network.parameters()).device))
    for handle in handles:
        handle.remove()
    return total


def peak_flops(device, precision, clock):
    """The machine's peak as a program sees it: the better of a large matrix product and a large convolution.

    On some processors one of the two has the slower library behind it.
    """
    size = 8192 if device.type == "cuda" else 2048
    dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
    left, right = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))
    convolution = nn.Conv1d(size // 4, size // 4, 9, padding=4, device=device, dtype=dtype).requires_grad_(False)
    x = torch.randn(1, size // 4, 2048, device=device, dtype=dtype)
    work = {lambda: left @ right: 2 * size**3, lambda: convolution(x): 2 * convolution.weight.numel() * 2048}
    return max(flop / min(seconds(function, device, clock)[0] for _ in range(4)) for function, flop in work.items())


def set_tf32(matmul, convolutions):
    torch.backends.cuda.matmul.allow_tf32 = matmul
    torch.backends.cudnn.allow_tf32 = convolutions


class Variant:
    """A network under a name, with the state of TF32 that belongs to it."""

    def __init__(self, name, network, precision, tf32):
        self.name, self.network, self.precision, self.tf32 = name, network, precision, tf32
        self.times, self.output, self.memory = [], None, 0

    def run(self, x, device, clock):
        set_tf32(*self.tf32)
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
        elapsed, self.output = seconds(lambda: self.network(x), device, clock)
        self.times.append(elapsed)
        if device.type == "cuda":
            self.memory = torch.cuda.max_memory_allocated(device) / 1e9
        return elapsed


def share_dense_layers(source, channels):
    """A second Sei with the convolutions of `source` copied and its dense layers shared: 3.3 GB once, not twice."""
    with torch.device("meta"):
        twin = models.build("Sei", n_targets=source.n_outputs, channels=channels)
    state = {
        name: tensor if name.startswith("classifier") else tensor.clone()
        for name, tensor in source.state_dict().items()
    }
    twin.load_state_dict(state, assign=True, strict=True)
    return twin.eval().requires_grad_(False)


@torch.inference_mode()
def main():
    args = arguments()
    device = torch.device(args.device)
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    cuda = device.type == "cuda"
    clock = {"wall": time.perf_counter, "cpu": time.process_time}[args.clock]
    hardware = torch.cuda.get_device_name(device) if cuda else f"CPU, {args.threads} threads, {processor()}"
    print(f"{time.strftime('%Y-%m-%d')}  torch {torch.__version__}  {hardware}", flush=True)

    codes = torch.randint(0, 4, (max(args.batch or 16, 2), args.length), dtype=torch.uint8)
    with torch.device("meta"):
        plain = models.build("Sei", n_targets=args.targets, channels=args.channels)
    plain = plain.to_empty(device=device)
    set_tf32(False, False)
    # Logits of standard deviation 1 and mean 0: outputs from about 0.01 to 0.99, where an error shows.
    spread_sei(plain, models.one_hot(codes[:2], device))

    variants = [Variant("plain float32", plain, "float32", (False, False))]
    if cuda:
        variants.append(Variant("plain, torch's default (TF32 convolutions)", plain, "tf32", (False, True)))
    for precision in args.precisions or (inference.PRECISIONS if cuda else ("float32", "bfloat16")):
        network, got = inference.prepare(share_dense_layers(plain, args.channels), precision, device)
        if got == precision:
            variants.append(Variant(f"fused {precision}", network.module, precision, (precision != "float32",) * 2))

    batch = args.batch or (inference.largest_batch(models.Network(plain), args.length, device) if cuda else 16)
    x = models.one_hot(torch.randint(0, 4, (batch, args.length), dtype=torch.uint8), device)
    print(f"batch {batch} x {args.length} bp, {args.targets} targets, {args.repeats} rounds", flush=True)
    for variant in variants:
        variant.run(x, device, clock)
        variant.times.clear()
    reference = variants[0].output
    print(f"outputs: {reference.min():.4f} to {reference.max():.4f}, standard deviation {reference.std():.3f}")
    for number in range(args.repeats):
        for variant in variants if number % 2 == 0 else variants[::-1]:
            variant.run(x, device, clock)

    print(
        f"{'':44}{'seq/s':>8}{'ratio':>7}{'(range)':>15}{'largest error':>15}"
        f"{'TFLOP/s':>9}{'peak':>9}{'of peak':>9}{'peak GB':>9}"
    )
    peaks = {}
    for variant in variants:
        ratios = [plain_s / own for plain_s, own in zip(variants[0].times, variant.times, strict=True)]
        error = (variant.output - reference).abs().max().item()
        set_tf32(*variant.tf32)
        if variant.precision not in peaks:
            peaks[variant.precision] = peak_flops(device, variant.precision, clock)
        peak = peaks[variant.precision]
        rate = multiply_adds(variant.network, args.length) * batch / min(variant.times)
        memory = variant.memory or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
        spread = f"({min(ratios):.2f}-{max(ratios):.2f})"
        print(
            f"{variant.name:44}{batch / min(variant.times):8.2f}{statistics.median(ratios):7.2f}{spread:>15}"
            f"{error:15.2e}{rate / 1e12:9.3f}{peak / 1e12:9.3f}{rate / peak:9.0%}{memory:9.2f}"
        )
    for variant in variants:
        hours = WINDOWS * STRANDS / (batch / statistics.median(variant.times)) / 3600
        print(f"{WINDOWS:,} windows, {STRANDS} strands, {args.length} bp: {hours:7.2f} h  {variant.name}")


def processor():
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return "unknown processor"
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "unknown processor")


if __name__ == "__main__":
    main()
