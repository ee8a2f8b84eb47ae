"""Randomness as a pure function of seed, step and purpose, so that a run can go on from any step."""

import hashlib

import torch


def derive(seed: int, *purpose: str | int) -> int:
    """A 63-bit seed for one purpose, independent of those for other purposes and seeds."""
    text = "/".join(map(str, (seed, *purpose)))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


def reseed(value: int, device: torch.device) -> None:
    """Seed torch's own generators, of the processor and of the device in use."""
    # torch.manual_seed visits every back end: a hundred times slower.
    torch.default_generator.manual_seed(value)
    if device.type == "cuda":
        torch.cuda.default_generators[device.index or 0].manual_seed(value)


def generator(value: int, device: torch.device | str = "cpu") -> torch.Generator:
    """A generator of its own, so that drawing from it disturbs nobody."""
    made = torch.Generator(device)
    made.manual_seed(value)
    return made
