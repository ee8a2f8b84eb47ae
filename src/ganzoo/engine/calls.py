"""Calling networks that may or may not look at labels."""

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn

from ganzoo.engine.seeds import generator, reseed
from ganzoo.spec import DataSpec

Score = Callable[[Tensor, Tensor | None], Tensor]


def takes(function: Callable[..., Any], parameter: str) -> bool:
    """Whether a function has a parameter of this name."""
    return parameter in inspect.signature(function).parameters


def call_with_labels(network: nn.Module) -> Score:
    """The network as a function of (input, labels); only networks with a parameter `labels` get them."""
    if takes(network.forward, "labels"):
        return lambda x, labels: network(x, labels)
    return lambda x, labels: network(x)


def mixes_samples(network: nn.Module, spec: DataSpec) -> bool:
    """Whether a sample's score in training depends on the other samples of its batch, as with batch norm."""
    like = next(network.parameters(), torch.empty(0))
    samples = torch.rand(3, *spec.shape, generator=generator(0)).to(like)
    labels = torch.zeros(2, dtype=torch.int64, device=like.device)
    scores = []
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        for neighbour in (1, 2):
            trial = deepcopy(network).train()  # each pass moves running statistics and spectral norms
            reseed(0, like.device)  # the same dropout masks both times
            scores.append(call_with_labels(trial)(samples[[0, neighbour]], labels)[0])
    return not torch.equal(scores[0], scores[1])


def is_pure(network: nn.Module, latent: int, classes: int | None) -> bool:
    """Whether a generator in training depends on its input alone: no dropout, no running statistics."""
    trial = deepcopy(network).train()
    like = next(trial.parameters(), torch.empty(0))
    z = torch.rand(2, latent, generator=generator(0)).to(like)
    labels = None if classes is None else torch.zeros(2, dtype=torch.int64, device=like.device)
    before, call, made = [b.clone() for b in trial.buffers()], call_with_labels(trial), []
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        for seed in (1, 2):
            reseed(seed, like.device)
            made.append(call(z, labels))
    same = all(torch.equal(a, b) for a, b in zip(before, trial.buffers(), strict=True))
    return same and torch.equal(*made)


@contextmanager
def inference(*networks: nn.Module) -> Iterator[None]:
    """Networks in inference mode while the block runs: no dropout, running statistics."""
    modes = [(network, network.training) for network in networks]
    for network in networks:
        network.eval()
    try:
        yield
    finally:
        for network, was_training in modes:
            network.train(was_training)
