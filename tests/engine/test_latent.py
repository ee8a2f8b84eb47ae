"""What a generator starts from: noise or pictures, and what its file says about it."""

from pathlib import Path

import pytest
import torch
from torch import nn

from engine.small import ready
from ganzoo.engine import generator_file, tensor_file
from ganzoo.engine.generator_file import FORMAT, load, save
from ganzoo.engine.latent import Latent, Pictures
from ganzoo.errors import CheckpointError, PluginError, UsageError
from ganzoo.recipe import Part
from ganzoo.spec import DataSpec

SOURCE = DataSpec((1, 6, 6), (0.0, 1.0), None, 5)
MADE = DataSpec((2, 6, 6), (-1.0, 1.0), None, 5)
PAINTER = "engine.test_latent:Painter"


class Painter(nn.Module):
    """Pictures of pictures."""

    def __init__(self, spec: DataSpec, source: DataSpec) -> None:
        super().__init__()
        self.paint = nn.Conv2d(source.shape[0], spec.shape[0], 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.paint(x).tanh()


def version(path: Path) -> int:
    return tensor_file._entry(path.read_bytes(), "x")["version"]


@pytest.fixture
def painted(tmp_path: Path) -> Path:
    path = tmp_path / "generator.safetensors"
    save(path, Painter(MADE, SOURCE), Part(PAINTER), MADE, Pictures(SOURCE))
    return path


def test_pictures_are_the_first_channels_and_the_others_are_made():
    samples = torch.rand(3, 3, 6, 6)
    source, target = Pictures(SOURCE).split(samples)
    assert torch.equal(source, samples[:, :1])
    assert torch.equal(target, samples[:, 1:])
    assert torch.equal(Pictures(SOURCE).target(samples), target)
    assert torch.equal(Latent(4, "normal").target(samples), samples)


def test_pictures_are_repeated_where_there_are_too_few():
    seen = torch.rand(3, 3, 6, 6)
    made = Pictures(SOURCE).fixed(7, 1, torch.empty(0, dtype=torch.float64), lambda n: seen[:n])
    assert made.dtype == torch.float64
    assert torch.equal(made.float(), seen[[0, 1, 2, 0, 1, 2, 0], :1])


def test_noise_has_the_version_that_all_ganzoos_read(tmp_path):
    run = ready(tmp_path)
    run.save_generator()
    assert version(tmp_path / "generator.safetensors") == tensor_file.VERSION == 1


def test_pictures_have_one_that_older_ones_refuse(painted):
    assert version(painted) == 2
    with pytest.raises(CheckpointError, match="has format 2; this ganzoo reads 1. Upgrade ganzoo"):
        tensor_file.decode(painted.read_bytes(), "x", FORMAT)


def test_a_generator_of_pictures_is_loaded_with_what_it_starts_from(painted):
    trained = load(painted, PAINTER)
    assert trained.latent == Pictures(SOURCE)
    x = torch.rand(3, 1, 6, 6) * 2 - 1
    expected = trained.network((x + 1) / 2)  # its source lies in [0, 1]
    assert torch.allclose(trained.translate(x), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("pictures", "said"),
    [
        (torch.zeros(0, 1, 6, 6), "float pictures Nx1x6x6"),
        (torch.zeros(2, 1, 6, 5), "the input is 2x1x6x5"),
        (torch.zeros(2, 1, 6, 6, dtype=torch.uint8), "uint8"),
        (torch.full((2, 1, 6, 6), torch.nan), r"outside of \[-1, 1\]"),
    ],
)
def test_other_pictures_are_refused(painted, pictures, said):
    with pytest.raises(UsageError, match=said):
        load(painted, PAINTER).translate(pictures)


def test_it_makes_nothing_of_noise(painted):
    with pytest.raises(UsageError, match="give it some, with --input"):
        load(painted, PAINTER).sample(2)


def test_a_file_and_a_generator_that_disagree_are_refused(painted):
    with pytest.raises(CheckpointError, match="do not agree about what it starts from"):
        load(painted, "ganzoo.zoo.fashion:Generator")


def test_what_a_file_cannot_say_is_refused(tmp_path):
    with pytest.raises(PluginError, match="starts from a str cannot be saved"):
        generator_file.save(tmp_path / "x", Painter(MADE, SOURCE), Part(PAINTER), MADE, "words")


def test_samples_are_made_of_what_is_given(tmp_path):
    run = ready(tmp_path)
    z = torch.randn(3, 3)
    assert torch.equal(run.generate(3, start=z)[1:], run.generate(2, start=z[1:]))
    assert torch.equal(run.infer("generator", z), run.generate(3, start=z))
    assert run.infer("nobody", z) is None
