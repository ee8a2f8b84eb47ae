"""Seeds: one for each purpose, the same in every process."""

import subprocess
import sys

import torch
from hypothesis import given
from hypothesis import strategies as st

from ganzoo.engine.latent import Latent
from ganzoo.engine.seeds import derive, generator, reseed


@given(st.integers(0, 2**63 - 1), st.integers(0, 10**12))
def test_a_seed_fits_torch(seed, step):
    assert 0 <= derive(seed, "step", step) < 2**63


def test_purposes_steps_and_seeds_differ():
    seeds = [derive(seed, what, i) for seed in range(10) for what in ("step", "order") for i in range(100)]
    assert len(set(seeds)) == len(seeds)


def test_neighbours_are_unrelated():
    bits = [bin(derive(0, "step", i) ^ derive(0, "step", i + 1)).count("1") for i in range(200)]
    assert 28 < sum(bits) / len(bits) < 35


def test_a_seed_is_the_same_in_another_process():
    code = "from ganzoo.engine.seeds import derive; print(derive(3, 'step', 4))"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert int(printed) == derive(3, "step", 4)


def test_reseed_decides_torch_s_own_draws():
    draws = []
    for value in (5, 5, 6):
        reseed(value, torch.device("cpu"))
        draws.append(torch.randn(4))
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])


def test_a_generator_of_its_own_disturbs_nobody():
    before = torch.get_rng_state()
    torch.randn(4, generator=generator(5))
    assert torch.equal(torch.get_rng_state(), before)


def test_latent_distributions():
    for distribution, low, high, deviation in (("normal", -9, 9, 1.0), ("uniform", -1, 1, 3**-0.5)):
        z = Latent(50, distribution).draw(4000, torch.empty(0, dtype=torch.float64), generator(1))
        assert z.shape == (4000, 50)
        assert z.dtype == torch.float64
        assert abs(z.mean()) < 0.01
        assert abs(z.std() - deviation) < 0.01
        assert z.min() >= low
        assert z.max() <= high
