"""Contract checks of generators and discriminators."""

from collections.abc import Callable, Sequence
from itertools import product

import torch
from torch import Tensor, nn

from ganzoo.engine import check
from ganzoo.engine.calls import call_with_labels
from ganzoo.engine.parts import Resolved
from ganzoo.errors import MisfitError
from ganzoo.spec import DataSpec
from ganzoo.testing._common import BATCHES, SPECS, Batch, checks, draw, expect, left_alone

LATENT = 5


@checks("generators")
def check_generator(part: Resolved, *specs: DataSpec) -> None:
    """z (N, latent) becomes samples (N, *shape) in the range; ValueError refuses a spec, but not all."""

    def build(spec: DataSpec) -> nn.Module:
        return part.build(spec, LATENT)

    def noise(spec: DataSpec, count: int) -> Batch:
        return torch.randn(count, LATENT), draw(spec, count)[1]

    for spec, network in _accepted(part, specs or SPECS, build):
        check.generator(part, network, spec, LATENT, smallest_batch=2)
        _check_network(part, network, spec, build, noise)


@checks("discriminators")
def check_discriminator(part: Resolved, *specs: DataSpec) -> None:
    """Samples become raw scores (N,) or (N, patches); ValueError refuses a spec, but not all."""
    for spec, network in _accepted(part, specs or SPECS, part.build):
        check.discriminator(part, network, spec, smallest_batch=2)
        _check_network(part, network, spec, part.build, draw)


def _accepted(
    part: Resolved, specs: Sequence[DataSpec], build: Callable[[DataSpec], nn.Module]
) -> list[tuple[DataSpec, nn.Module]]:
    """The specs that a network takes, and the network for each."""
    taken, refusals = [], []
    for spec in specs:
        try:
            network = build(spec)
        except MisfitError as error:
            refusals.append(str(error))
            continue
        expect(isinstance(network, nn.Module), part, "a torch.nn.Module", type(network).__name__)
        taken.append((spec, network))
    expect(bool(taken), part, "a network for some data", f"refusals: {' '.join(refusals)}")
    return taken


def _check_network(
    part: Resolved,
    network: nn.Module,
    spec: DataSpec,
    build: Callable[[DataSpec], nn.Module],
    draw_batch: Callable[[DataSpec, int], Batch],
) -> None:
    _check_sizes(part, network, [draw_batch(spec, count) for count in BATCHES])
    x, labels = draw_batch(spec, 7)
    _check_gradients(part, network.train(), x, labels)
    twins = []
    for _ in range(2):
        torch.manual_seed(1)
        twins.append(build(spec))
    same = all(map(torch.equal, *(twin.state_dict().values() for twin in twins)))
    expect(same, part, "equal weights from equal noise", "others")
    twins[0].load_state_dict(network.state_dict())
    with torch.no_grad():
        ours, theirs = (call_with_labels(each.eval())(x, labels) for each in (network, twins[0]))
        expect(torch.equal(ours, theirs), part, "the same output from the same state_dict", "another")
        double = call_with_labels(twins[0].double())(x.double(), labels)
        expect(double.dtype == torch.float64, part, "float64 from float64", double.dtype)


def _check_sizes(part: Resolved, network: nn.Module, batches: Sequence[Batch]) -> None:
    """One output a sample, from batches of any size; in training a network may refuse a batch of one."""
    call, shapes = call_with_labels(network), set()
    for training, (x, labels) in product((True, False), batches):
        network.train(training)
        try:
            with left_alone(part, x, labels):
                made = call(x, labels)
        except ValueError as error:
            expect(training and len(x) == 1, part, f"that it takes a batch of {len(x)}", error)
            continue
        expect(len(made) == len(x), part, f"{len(x)} outputs for {len(x)} samples", len(made))
        shapes.add(tuple(made.shape[1:]))
    expect(len(shapes) == 1, part, "one shape whatever the batch", sorted(shapes))


def _check_gradients(part: Resolved, network: nn.Module, x: Tensor, labels: Tensor | None) -> None:
    """Every weight that learns gets a gradient."""
    made = call_with_labels(network)(x, labels)
    expect(made.requires_grad, part, "an output with a gradient", "one that is detached")
    learning = {name: p for name, p in network.named_parameters() if p.requires_grad}
    value = (made * torch.randn_like(made)).sum()
    gradients = torch.autograd.grad(value, list(learning.values()), allow_unused=True)
    idle = [n for n, g in zip(learning, gradients, strict=True) if g is None or not g.isfinite().all()]
    expect(not idle, part, "a finite gradient for every weight", f"none for {', '.join(idle)}")
