import math
from dataclasses import dataclass

import pytest
import torch

from ganzoo.datasets.base import DataFolders, Samples, Split
from ganzoo.datasets.gaussian import gaussian
from ganzoo.datasets.mixtures import Mixture, grid, grid_centres, ring, ring_centres
from ganzoo.datasets.stacked_mnist import StackedMnist, stacked_mnist
from ganzoo.errors import DataError, UsageError
from ganzoo.options import complete, options_of
from ganzoo.spec import DataSpec


def loaded(dataset: object) -> Samples:
    samples = dataset.load("train")  # type: ignore[attr-defined]
    assert samples is not None
    assert samples.values.shape == (dataset.spec.size, *dataset.spec.shape)  # type: ignore[attr-defined]
    assert dataset.load("test") is None  # type: ignore[attr-defined]
    return samples


def test_gaussian_has_its_moments(folders: DataFolders) -> None:
    samples = loaded(gaussian(folders, size=100_000, mean=3.0, sd=0.5))
    assert samples.values.dtype == torch.float32
    assert samples.labels is None
    assert samples.values.mean().item() == pytest.approx(3.0, abs=0.01)
    assert samples.values.std().item() == pytest.approx(0.5, abs=0.01)


def test_draws_depend_on_the_seed_alone(folders: DataFolders) -> None:
    for factory in (gaussian, ring, grid):
        state = torch.get_rng_state()
        first = loaded(factory(folders, size=100))
        assert torch.equal(torch.get_rng_state(), state)
        torch.manual_seed(5)
        assert torch.equal(first.values, loaded(factory(folders, size=100)).values)
        assert not torch.equal(first.values, loaded(factory(folders, size=100, seed=1)).values)


@pytest.mark.parametrize(("factory", "count", "sd"), [(ring, 8, 0.01), (grid, 25, 0.05)])
def test_mixtures_are_those_of_the_literature(
    folders: DataFolders, factory: type[Mixture], count: int, sd: float
) -> None:
    dataset = factory(folders)  # type: ignore[call-arg, arg-type]
    samples = loaded(dataset)
    assert dataset.spec == DataSpec((2,), None, count, 100_000)
    assert samples.labels is not None
    offsets = samples.values - dataset.centres[samples.labels]
    assert offsets.std().item() == pytest.approx(sd, rel=0.01)
    # A perfect sampler lies within three standard deviations with probability 1 - exp(-9 / 2).
    high_quality = (offsets.norm(dim=1) <= 3 * sd).float().mean().item()
    assert high_quality == pytest.approx(1 - math.exp(-4.5), abs=0.002)
    shares = torch.bincount(samples.labels, minlength=count) / len(samples)
    assert torch.allclose(shares, torch.full((count,), 1 / count), atol=0.005)


def test_centres() -> None:
    assert torch.allclose(ring_centres(4, 2.0), torch.tensor([[2.0, 0], [0, 2], [-2, 0], [0, -2]]), atol=1e-6)
    assert torch.allclose(ring_centres().norm(dim=1), torch.ones(8))
    assert len({tuple(centre) for centre in grid_centres().tolist()}) == 25
    assert grid_centres().unique().tolist() == [-4, -2, 0, 2, 4]


@pytest.mark.parametrize(
    ("factory", "given"),
    [
        (gaussian, {"sd": "0"}),
        (gaussian, {"size": "0"}),
        (gaussian, {"size": str(10**9)}),
        (gaussian, {"seed": str(2**64)}),
        (gaussian, {"seed": "-1"}),
        (ring, {"radius": "-1"}),
        (ring, {"modes": "0"}),
        (stacked_mnist, {"size": "100000000"}),
    ],
)
def test_options_out_of_range_are_refused_before_anything_is_made(
    factory: object, given: dict[str, str]
) -> None:
    with pytest.raises(UsageError, match="must be"):
        complete("dataset", options_of(factory), given)  # type: ignore[arg-type]


def test_the_largest_seed_works(folders: DataFolders) -> None:
    loaded(gaussian(folders, seed=2**63 - 1))


@dataclass(frozen=True)
class TenDigits:
    """Ten pictures, each filled with ten times its digit."""

    labels: bool = True

    @property
    def spec(self) -> DataSpec:
        return DataSpec((1, 28, 28), (0, 255), 10, 10)

    def load(self, split: Split) -> Samples:
        values = torch.arange(0, 100, 10, dtype=torch.uint8).view(10, 1, 1, 1).repeat(1, 1, 28, 28)
        return Samples(values, torch.arange(10) if self.labels else None)


def test_stacked_digits_are_labelled_by_their_channels() -> None:
    samples = loaded(StackedMnist(TenDigits(), size=500, seed=0))
    assert samples.labels is not None
    assert samples.values.dtype == torch.uint8
    assert samples.values.is_contiguous()
    for picture, label in zip(samples.values, samples.labels, strict=True):
        digits = [channel.unique().item() // 10 for channel in picture]
        assert int(label) == 100 * digits[0] + 10 * digits[1] + digits[2]
    again = loaded(StackedMnist(TenDigits(), size=500, seed=0))
    other = loaded(StackedMnist(TenDigits(), size=500, seed=1))
    assert torch.equal(samples.values, again.values)
    assert not torch.equal(samples.values, other.values)


def test_stacked_digits_need_labels() -> None:
    with pytest.raises(DataError, match="labelled"):
        StackedMnist(TenDigits(labels=False), size=5, seed=0).load("train")


def test_stacked_mnist_promises_a_thousand_modes(folders: DataFolders) -> None:
    assert stacked_mnist(folders).spec == DataSpec((3, 28, 28), (0, 255), 1000, 128_000)
    with pytest.raises(DataError, match="mnist-5k"):
        stacked_mnist(folders).load("train")


def test_labels_must_agree_with_the_samples() -> None:
    with pytest.raises(DataError, match="3 samples have 2 labels"):
        Samples(torch.zeros(3, 1), torch.zeros(2))
