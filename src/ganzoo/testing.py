"""Contract checks for authors of components: what each kind promises, put to the test.

In the tests of a plugin:

    @pytest.mark.parametrize(("kind", "name"), components("my-package"))
    def test_contract(kind, name):
        contract(kind, name)
"""

import functools
import os
import random
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import click
import numpy as np
import torch
from pluggy import PluginValidationError
from torch import Tensor, nn

from ganzoo import hooks, registry
from ganzoo.datasets.base import DataFolders, Samples, Split
from ganzoo.engine import check, loop, promises
from ganzoo.engine.build import network_spec
from ganzoo.engine.calls import call_with_labels, takes
from ganzoo.engine.directory import create
from ganzoo.engine.parts import Parts, Resolved, resolve
from ganzoo.engine.run import Run
from ganzoo.errors import DataError, MisfitError, PluginError
from ganzoo.options import complete, options_of
from ganzoo.recipe import Part, Recipe
from ganzoo.registry import Component
from ganzoo.settings import Settings
from ganzoo.spec import DataSpec

Factory = Callable[..., Any]
Options = Mapping[str, Any]
NONE: Options = MappingProxyType({})
LATENT = 5
BATCHES = (1, 2, 3, 7)
VECTORS, POINTS = DataSpec((3,), None, None, 64), DataSpec((2,), None, 4, 64)
DIGITS = DataSpec((1, 28, 28), (-1.0, 1.0), 10, 64)
SPECS = (DIGITS, DataSpec((3, 32, 32), (0.0, 1.0), None, 64), DataSpec((3, 64, 64), (-1.0, 1.0), 5, 64), VECTORS, POINTS)


class ContractError(AssertionError):
    """A component breaks a promise of its kind; the message says what was expected and what it got."""


@dataclass(frozen=True)
class RandomSamples:
    """A data set of random samples that keep a spec's promise, the same every time."""

    spec: DataSpec

    def load(self, split: Split) -> Samples | None:
        """The training samples; there is no test split."""
        return Samples(*draw(self.spec, self.spec.size)) if split == "train" else None


def draw(spec: DataSpec, count: int, seed: int = 0) -> tuple[Tensor, Tensor | None]:
    """Random samples (count, *shape), float32, and labels (count,) or None, the same for the same seed."""
    source = torch.Generator().manual_seed(seed)
    low, high = spec.value_range or (-2.0, 2.0)
    values = low + (high - low) * torch.rand(count, *spec.shape, generator=source)
    return values, None if spec.classes is None else torch.randint(spec.classes, (count,), generator=source)


def components(package: str | None = None) -> list[tuple[str, str]]:
    """The kind and full name of every installed component, or of those of one package."""
    found = registry.components()
    return [(c.kind, c.full_name) for c in found if package in (None, c.package)]


def contract(kind: str, name: str, options: Options = NONE) -> None:
    """Check that a component keeps the promises of its kind. Raises ContractError, or what a broken one raises.

    name: an installed component, or an import path `module:attribute`.
    """
    CHECKS[registry.kind_of(kind)](name, options)


@contextmanager
def untouched(label: str) -> Iterator[None]:
    """Raise ContractError where the block changes what belongs to the whole process; torch's noise is put back."""
    before = _process()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield
    for name, value in _process().items():
        _expect(value == before[name], label, f"{name} as it was", "another")


def _process() -> dict[str, Any]:
    numpy_state = np.random.get_state(legacy=False)
    return {
        "the state of random": random.getstate(),
        "the state of numpy.random": str(numpy_state),
        "torch's default dtype": torch.get_default_dtype(),
        "torch's default device": torch.get_default_device(),
        "torch's gradient mode": torch.is_grad_enabled(),
        "torch's number of threads": torch.get_num_threads(),
        "the working directory": os.getcwd(),
        "the environment": dict(os.environ),
    }


def _expect(truth: bool, label: str, expected: str, got: object) -> None:
    if not truth:
        raise ContractError(f"{label} breaks its contract: expected {expected}, got {got}")


def _checking(kind: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """A check of a kind: it finds the component, and what the engine says against it is said as ContractError."""

    def decorate(examine: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(examine)
        def run(target: str | Factory, options: Options = NONE, **given: Any) -> None:
            part = _part(kind, target, options)
            try:
                with untouched(part.label):
                    examine(part, **given)
            except (PluginError, MisfitError) as error:
                raise ContractError(str(error)) from error

        return run

    return decorate


def _part(kind: str, target: str | Factory, options: Options) -> Resolved:
    role = {"datasets": "dataset"}.get(kind, registry.singular(kind))
    if isinstance(target, str):
        component = registry.find(kind, target, typed=True)
        target = component.load()
    else:
        name = getattr(target, "__qualname__", type(target).__name__)
        component = Component(kind, name, registry.TYPED, "", f"{target.__module__}:{name}")
    known = options_of(target) if kind not in ("recipes", "commands") else {}
    return Resolved(role, component, target, complete(f"{role} {component.name}", known, options))


# Networks -----------------------------------------------------------------------------------------------------


@_checking("generators")
def check_generator(part: Resolved, specs: Sequence[DataSpec] = SPECS) -> None:
    """z (N, latent) becomes samples (N, *shape) in the range, for every spec that it does not refuse."""

    def noise(spec: DataSpec, count: int) -> Tensor:
        return torch.randn(count, LATENT)

    for spec, network in _accepted(part, specs, lambda spec: part.build(spec, LATENT)):
        check.generator(part, network, spec, LATENT, smallest_batch=2)
        for count, made in _outputs(part, network, spec, noise):
            _expect(made.shape == (count, *spec.shape), part.label, f"{count} x {spec.shape_text}", tuple(made.shape))
            low, high = spec.value_range or (-torch.inf, torch.inf)
            inside = low - 1e-4 <= made.min() and made.max() <= high + 1e-4
            _expect(bool(inside), part.label, f"values in [{low:g}, {high:g}]", f"up to {made.abs().max():g}")
        _check_weights(part, network, lambda spec=spec: part.build(spec, LATENT), spec, noise)


@_checking("discriminators")
def check_discriminator(part: Resolved, specs: Sequence[DataSpec] = SPECS) -> None:
    """Samples become raw scores (N,) or (N, patches), for every spec that it does not refuse."""

    def samples(spec: DataSpec, count: int) -> Tensor:
        return draw(spec, count, seed=count)[0]

    for spec, network in _accepted(part, specs, part.build):
        check.discriminator(part, network, spec, smallest_batch=2)
        for count, scores in _outputs(part, network, spec, samples):
            fits = scores.dim() in (1, 2) and len(scores) == count
            _expect(fits, part.label, f"scores ({count},) or ({count}, patches)", tuple(scores.shape))
        _check_weights(part, network, lambda spec=spec: part.build(spec), spec, samples)


def _accepted(
    part: Resolved, specs: Sequence[DataSpec], build: Callable[[DataSpec], Any]
) -> Iterator[tuple[DataSpec, nn.Module]]:
    """The specs that a network takes, and the network; one at least. It refuses by raising ValueError."""
    refusals = []
    for spec in specs:
        try:
            network = build(spec)
        except MisfitError as error:
            refusals.append(str(error))
            continue
        _expect(isinstance(network, nn.Module), part.label, "a torch.nn.Module", type(network).__name__)
        yield spec, network
    _expect(len(refusals) < len(specs), part.label, "to fit some data", f"only refusals: {' '.join(refusals)}")


def _outputs(
    part: Resolved, network: nn.Module, spec: DataSpec, draw_input: Callable[[DataSpec, int], Tensor]
) -> Iterator[tuple[int, Tensor]]:
    """What a network makes of batches of several sizes; in training it may refuse a batch of one."""
    call = call_with_labels(network)
    for training in (True, False):
        network.train(training)
        for count in BATCHES:
            x, labels = draw_input(spec, count), draw(replace(spec, classes=spec.classes or 1), count)[1]
            kept = x.clone()
            try:
                made = call(x, labels)
            except ValueError:
                _expect(training and count == 1, part.label, f"to take a batch of {count}", "ValueError")
                continue
            _expect(torch.equal(x, kept), part.label, "its input left alone", "another")
            yield count, made.detach()


def _check_weights(
    part: Resolved,
    network: nn.Module,
    build: Callable[[], nn.Module],
    spec: DataSpec,
    draw_input: Callable[[DataSpec, int], Tensor],
) -> None:
    """Every weight learns, the same noise makes the same weights, and the weights are all that it remembers."""
    x, labels = draw_input(spec, 7), torch.arange(7) % (spec.classes or 1)
    made = call_with_labels(network.train())(x, labels)
    learning = {name: p for name, p in network.named_parameters() if p.requires_grad}
    gradients = torch.autograd.grad((made * torch.randn_like(made)).sum(), list(learning.values()), allow_unused=True)
    for name, gradient in zip(learning, gradients, strict=True):
        _expect(gradient is not None, part.label, f"a gradient for {name}", "none")
        _expect(bool(gradient.isfinite().all()), part.label, f"a finite gradient for {name}", "NaN or infinity")
    twins = []
    for _ in range(2):
        torch.manual_seed(1)
        twins.append(build())
    pairs = zip(*(twin.state_dict().values() for twin in twins), strict=True)
    _expect(all(map(torch.equal, *zip(*pairs, strict=True))), part.label, "equal weights from equal noise", "others")
    twins[0].load_state_dict(network.state_dict())
    with torch.no_grad():
        ours, theirs = (call_with_labels(each.eval())(x, labels) for each in (network, twins[0]))
        _expect(torch.equal(ours, theirs), part.label, "its output from its state_dict alone", "another")
        dtype = call_with_labels(twins[0].double())(x.double(), labels).dtype
        _expect(dtype == torch.float64, part.label, "float64 after .double()", dtype)


# Losses and penalties -----------------------------------------------------------------------------------------


@_checking("losses")
def check_loss(part: Resolved) -> None:
    """Finite values and gradients for scores of any size, and a slope somewhere among them."""
    loss = part.build()
    check.loss(part, loss)
    sees_real = takes(loss.generator, "real")
    for player in ("discriminator", "generator"):
        steepest = 0.0
        for dtype in (torch.float32, torch.bfloat16):
            for shape in ((4,), (4, 3), (1,)):
                for real_score, fake_score in ((-1e4, -1e4), (-1e4, 1e4), (1e4, -1e4), (1e4, 1e4), (0.0, 0.0)):
                    real = torch.full(shape, real_score, dtype=dtype, requires_grad=True)
                    fake = torch.full(shape, fake_score, dtype=dtype, requires_grad=True)
                    where = f"for the {player} at real scores {real_score:g}, fake {fake_score:g}, {dtype}"
                    scores = (real, fake) if player == "discriminator" else (fake, real)[: 1 + sees_real]
                    steepest = max(steepest, _slope(part, getattr(loss, player), scores, where))
        _expect(steepest > 0, part.label, f"a gradient for the {player} at some scores", "zero everywhere")


def _slope(part: Resolved, loss: Factory, scores: Sequence[Tensor], where: str) -> float:
    """The steepest slope of a loss in its scores; everything about it must be finite."""
    kept = [side.detach().clone() for side in scores]
    value = loss(*scores)
    _expect(value.dim() == 0 and bool(value.isfinite()), part.label, f"a finite scalar {where}", value)
    gradients = [g for g in torch.autograd.grad(value, scores, allow_unused=True) if g is not None]
    _expect(all(bool(g.isfinite().all()) for g in gradients), part.label, f"a finite gradient {where}", gradients)
    same = all(torch.equal(side, old) for side, old in zip(scores, kept, strict=True))
    _expect(same, part.label, f"scores left alone {where}", "others")
    if not isinstance(getattr(loss, "__self__", None), nn.Module):
        again = loss(*scores)
        _expect(torch.equal(value, again), part.label, "the same value again, or state in an nn.Module", again)
    return max((g.abs().max().item() for g in gradients), default=0.0)


class _Smooth(nn.Module):
    """A discriminator with derivatives of every order, which looks at labels where there are any."""

    def __init__(self, spec: DataSpec, patches: int) -> None:
        super().__init__()
        self.hidden, self.score = nn.Linear(spec.features, 8), nn.Linear(8, patches)
        self.label = nn.Embedding(spec.classes or 1, 8)

    def forward(self, x: Tensor, labels: Tensor | None) -> Tensor:
        known = 0 if labels is None else self.label(labels)
        return self.score(torch.tanh(self.hidden(x.flatten(1)) + known)).squeeze(1)


@_checking("penalties")
def check_penalty(part: Resolved) -> None:
    """A finite scalar that teaches the discriminator, on vectors and pictures, labelled or not, patches or not."""
    for spec in (VECTORS, POINTS, DIGITS):
        for patches in (1, 3):
            network = _Smooth(spec, patches)
            penalise = partial(part.factory, network, **part.options)
            for count in BATCHES:
                (real, labels), (fake, _) = draw(spec, count, seed=1), draw(spec, count, seed=2)
                kept = real.clone(), fake.clone()
                value = penalise(real, fake, labels)
                sound = isinstance(value, Tensor) and value.dim() == 0 and value.dtype == torch.float32
                _expect(sound and bool(value.isfinite()), part.label, "a finite float32 scalar", value)
                _expect(value.requires_grad, part.label, "a value that depends on the weights", "a constant")
                gradients = torch.autograd.grad(value, list(network.parameters()), allow_unused=True)
                found = [g for g in gradients if g is not None]
                finite = all(bool(g.isfinite().all()) for g in found)
                _expect(finite, part.label, "finite gradients for the weights", "NaN or infinity")
                _expect(any(bool(g.any()) for g in found), part.label, "a gradient for the weights", "zeros")
                same = torch.equal(real, kept[0]) and torch.equal(fake, kept[1])
                _expect(same, part.label, "real and fake left alone", "others")
            left = [name for name, p in network.named_parameters() if p.grad is not None]
            _expect(not left, part.label, "no gradient left behind", left)


# Data, optimizers, schedules, metrics -------------------------------------------------------------------------


@_checking("datasets")
def check_dataset(part: Resolved) -> None:
    """A spec that is known at once and true of the samples, which are the same every time; nothing is downloaded."""
    dataset = part.build(DataFolders(download=False))
    promises.dataset(part, dataset)
    try:
        loaded = promises.samples(part, dataset.load("train"), dataset.spec)
    except DataError:
        return  # the files are not here
    if loaded is None:
        raise ContractError(f"{part.label} breaks its contract: expected training samples, got none")
    _expect(0 < len(loaded) <= dataset.spec.size, part.label, f"{dataset.spec.size} samples", len(loaded))
    again = dataset.load("train")
    _expect(torch.equal(loaded.values, again.values), part.label, "the same samples again", "others")
    promises.samples(part, dataset.load("test"), dataset.spec)


@_checking("optimizers")
def check_optimizer(part: Resolved) -> None:
    """It goes downhill, its learning rate is an option, and its state can be saved."""
    _expect("lr" in part.options, part.label, "an option lr", sorted(part.options))
    w = nn.Parameter(torch.tensor([1.0, -3.0]))
    optimizer = promises.optimizer(part, part.build([w]))
    start = w.detach().square().sum()
    for _ in range(10):
        w.grad = 2 * w.detach()
        optimizer.step()
    now = w.detach().square().sum()
    _expect(bool(now < start), part.label, "a parabola to get smaller", f"{start:g}, then {now:g}")
    kept = optimizer.state[w].values()
    kinds = {type(value).__name__ for value in kept if not isinstance(value, Tensor | float | int)}
    _expect(not kinds, part.label, "tensors and numbers as its state", kinds)


@_checking("schedules")
def check_schedule(part: Resolved) -> None:
    """A finite factor, not below zero, that depends on images seen and total alone."""
    schedule = promises.schedule(part, part.build())
    for images, total in ((0, 1), (0, 10**9), (1, 10**9), (10**9 - 1, 10**9), (10**9, 10**9)):
        factor = schedule(images, total)
        _expect(0 <= factor < torch.inf and factor == schedule(images, total), part.label, "a factor >= 0", factor)


@_checking("metrics")
def check_metric(part: Resolved) -> None:
    """The same named numbers for the same samples, of vectors or of pictures."""
    refusals = []
    for spec in SPECS:
        (real, _), (fake, _) = draw(spec, 50, seed=1), draw(spec, 50, seed=2)
        kept = real.clone(), fake.clone()
        try:
            numbers, again = (part.factory(real, fake, **part.options) for _ in range(2))
        except ValueError as error:
            refusals.append(str(error))
            continue
        sound = isinstance(numbers, dict) and all(isinstance(v, float | int) for v in numbers.values())
        _expect(sound and all(isinstance(k, str) for k in numbers), part.label, "{name: number}", numbers)
        _expect(numbers == again, part.label, "the same numbers again", f"{numbers}, then {again}")
        same = torch.equal(real, kept[0]) and torch.equal(fake, kept[1])
        _expect(same, part.label, "samples left alone", "others")
    _expect(len(refusals) < len(SPECS), part.label, "to measure some samples", refusals)
