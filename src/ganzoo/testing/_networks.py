"""Contract checks of generators and discriminators."""

import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import product

import torch
from torch import nn

from ganzoo.engine import check
from ganzoo.engine.calls import call_with_labels, takes
from ganzoo.engine.layout import laid_out, lay_out
from ganzoo.errors import MisfitError
from ganzoo.recipe import Part
from ganzoo.spec import DataSpec
from ganzoo.testing._common import BATCHES, NOISE, Batch, Check, Subject, Untried, draw, leaves_the_process
from ganzoo.testing._steps import GOES_ON, SMALL, check_resumption

LATENT = 5
DRAWN = 16


def _build(subject: Subject, spec: DataSpec) -> nn.Module:
    part = subject.part
    network = part.build(spec, _start(subject, spec)) if part.role == "generator" else part.build(spec)
    subject.expect(isinstance(network, nn.Module), "a torch.nn.Module", type(network).__name__)
    return network


def _start(subject: Subject, spec: DataSpec) -> int | DataSpec:
    """What a generator starts from: so many numbers, or pictures like those that it makes."""
    return replace(spec, classes=None) if subject.part.starts_from_pictures else LATENT


def _input(subject: Subject, spec: DataSpec, count: int) -> Batch:
    """Noise or pictures for a generator, samples for a discriminator, and labels."""
    samples, labels = draw(spec, count)
    needs_noise = subject.part.role == "generator" and not subject.part.starts_from_pictures
    return (torch.randn(count, LATENT) if needs_noise else samples), labels


def _networks(subject: Subject) -> Iterator[tuple[DataSpec, nn.Module]]:
    """The data that a network takes, and the network for each; those that need labels are left out."""
    for spec in subject.specs:
        try:
            network = _build(subject, spec)
        except MisfitError:
            continue
        if spec.classes is not None or not takes(network.forward, "labels"):
            yield spec, network


def _few(subject: Subject) -> Iterator[tuple[DataSpec, nn.Module]]:
    """The first network for vectors and the first for pictures: what sizes do not change, they show."""
    seen = set()
    for spec, network in _networks(subject):
        if len(spec.shape) not in seen:
            seen.add(len(spec.shape))
            yield spec, network


def _exercise(subject: Subject) -> None:
    for spec, network in _few(subject):
        for training in (True, False):
            x, labels = _input(subject, spec, 7)
            made = call_with_labels(network.train(training))(x, labels)
            if made.requires_grad:
                learning = [parameter for parameter in network.parameters() if parameter.requires_grad]
                torch.autograd.grad(made.sum(), learning, allow_unused=True)


def _check_fits(subject: Subject) -> None:
    refusals = []
    for spec in subject.specs:
        try:
            network = _build(subject, spec)
            if spec.classes is not None or not takes(network.forward, "labels"):
                return
            refusals.append(f"it wants labels, which data of {spec.shape_text} lack.")
        except MisfitError as error:
            refusals.append(str(error))
    subject.expect(False, "a network for some data", f"refusals: {' '.join(refusals)}")


def _check_samples(subject: Subject) -> None:
    for spec, network in _networks(subject):
        check.two_samples(subject.part, network, spec, _start(subject, spec))


def _check_range(subject: Subject) -> None:
    for spec, network in _few(subject):
        for weights, training in product(("its first", "any"), (True, False)):
            if weights == "any":
                for parameter in network.parameters():
                    nn.init.normal_(parameter)
            x, labels = _input(subject, spec, DRAWN)
            with torch.no_grad():
                made = call_with_labels(network.train(training))(x, labels)
            check.in_range(subject.part, made, spec)


def _check_scores(subject: Subject) -> None:
    for spec, network in _networks(subject):
        check.two_scores(subject.part, network, spec)


def _check_raw(subject: Subject) -> None:
    for spec, network in _networks(subject):
        check.raw_scores(subject.part, network, spec)
        highest = 0.0
        for _ in range(8):
            for parameter in network.parameters():
                nn.init.normal_(parameter, std=10)
            x, labels = draw(spec, 4)
            with torch.no_grad():
                scores = call_with_labels(network)(1e4 * x, labels).abs()
            # A deep network overflows here, which is as far from squashed as can be.
            highest = max(highest, scores.nan_to_num(nan=math.inf).max().item())
        subject.expect(highest > 1, "scores of any size", f"none beyond {highest:g}, as behind a tanh")


def _check_gradients(subject: Subject) -> None:
    for spec, network in _few(subject):
        made = call_with_labels(network.train())(*_input(subject, spec, 7))
        subject.expect(made.requires_grad, "an output with a gradient", "one that is detached")
        learning = {name: p for name, p in network.named_parameters() if p.requires_grad}
        value = (made * torch.randn_like(made)).sum()
        gradients = torch.autograd.grad(value, list(learning.values()), allow_unused=True)
        idle = [n for n, g in zip(learning, gradients, strict=True) if g is None or not g.isfinite().all()]
        subject.expect(not idle, "a finite gradient for every weight", f"none for {', '.join(idle)}")


def _check_batches(subject: Subject) -> None:
    for spec, network in _networks(subject):
        call, shapes = call_with_labels(network), set()
        for training, count in product((True, False), BATCHES):
            network.train(training)
            try:
                made = call(*_input(subject, spec, count))
            except ValueError as error:  # batch norm cannot learn from one sample
                subject.expect(training and count == 1, f"that it takes a batch of {count}", error)
                continue
            subject.expect(len(made) == count, f"{count} outputs for {count} samples", len(made))
            shapes.add(tuple(made.shape[1:]))
        subject.expect(len(shapes) == 1, "one shape whatever the batch", sorted(shapes))


def _check_input(subject: Subject) -> None:
    for spec, network in _few(subject):
        for training in (True, False):
            x, labels = _input(subject, spec, 7)
            with subject.left_alone(x, labels):
                call_with_labels(network.train(training))(x, labels)


def _check_seed(subject: Subject) -> None:
    for spec, _ in _few(subject):
        states = []
        for _ in range(2):
            torch.manual_seed(1)
            states.append(_build(subject, spec).state_dict().values())
        same = all(map(torch.equal, *states))
        subject.expect(same, "equal weights from equal noise", "others")


def _check_saving(subject: Subject) -> None:
    for spec, network in _few(subject):
        x, labels = _input(subject, spec, 7)
        with torch.no_grad():
            call_with_labels(network.train())(x, labels)  # running statistics move
            twin = _build(subject, spec)
            twin.load_state_dict(network.state_dict())
            ours, theirs = (call_with_labels(each.eval())(x, labels) for each in (network, twin))
        subject.expect(torch.equal(ours, theirs), "the same output from the same state_dict", "another")


def _check_double(subject: Subject) -> None:
    for spec, network in _few(subject):
        x, labels = _input(subject, spec, 7)
        with torch.no_grad():
            made = call_with_labels(network.eval().double())(x.double(), labels)
        subject.expect(made.dtype == torch.float64, "float64 from float64", made.dtype)


def _check_layout(subject: Subject) -> None:
    for spec, network in _networks(subject):
        x, labels = _input(subject, spec, 2)
        call = call_with_labels(network.eval().double())
        with torch.no_grad():
            plain = call(x.double(), labels)
            lay_out(network)
            turned = call(laid_out(x.double()), labels)
        same = torch.allclose(plain, turned, rtol=1e-9, atol=1e-9)
        subject.expect(same, "the same output where channels are last in memory", "another")


def _check_steps(subject: Subject) -> None:
    if subject.part.role == "generator" and subject.part.starts_from_pictures:
        raise Untried("it starts from pictures: it is tried with the recipes and games that use it")
    for spec, network in _networks(subject):
        recipe = SMALL
        if subject.part.role == "discriminator" and takes(network.forward, "labels"):
            recipe = replace(SMALL, generator=Part("cgan"))
        check_resumption(subject, recipe, spec, **{subject.part.role: subject.part})
        return


_COMMON = (
    Check("gradients", "every weight that learns gets a finite gradient", _check_gradients),
    Check("batches", "takes batches of 1, 2, 3 and 7 and gives one output a sample", _check_batches),
    Check("input", "leaves its input as it is", _check_input),
    Check("seed", "equal noise gives equal first weights", _check_seed),
    Check("saving", "state_dict holds all that decides its output", _check_saving),
    Check("float64", "computes in float64 where its input is", _check_double),
    Check("layout", "takes pictures and weights with channels last in memory, as in games", _check_layout),
    Check("steps", GOES_ON, _check_steps),
)
_PROCESS = leaves_the_process(_exercise, NOISE)
_FITS = Check("fits", "takes some data; ValueError refuses what it cannot take", _check_fits)
GENERATORS = (
    _PROCESS,
    _FITS,
    Check("shape", "noise (N, latent) or pictures become finite samples (N, *shape)", _check_samples),
    Check("range", "samples stay in the data's range, whatever the weights", _check_range),
    *_COMMON,
)
DISCRIMINATORS = (
    _PROCESS,
    _FITS,
    Check("shape", "samples become finite scores (N,) or (N, patches)", _check_scores),
    Check("raw", "scores are not squashed by a sigmoid or tanh", _check_raw),
    *_COMMON,
)
