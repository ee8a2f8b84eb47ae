"""Checkpoints: what they hold, what they refuse, and how another program reads them."""

import functools
import hashlib
import json
import math
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import ganzoo
from faults import checks, small
from faults.conftest import quick  # noqa: F401 - used by every test here
from ganzoo import losses
from ganzoo.engine import checkpoint, generator_file, tensor_file
from ganzoo.engine.checkpoint import FORMAT, Checkpoints
from ganzoo.engine.parts import Parts
from ganzoo.engine.tensor_file import decode, encode
from ganzoo.errors import CheckpointError, PluginError
from ganzoo.losses import SmoothedBCE


def through(tree: dict[str, Any]) -> dict[str, Any]:
    """The tree, written and read."""
    return decode(b"".join(encode(tree, FORMAT)), "x", FORMAT)


TENSORS = st.builds(
    lambda shape, dtype: torch.arange(math.prod(shape)).reshape(shape).to(dtype),
    st.lists(st.integers(0, 3), max_size=3),
    st.sampled_from(list(tensor_file.DTYPES)),
)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | TENSORS
NAMES = st.text(st.characters(codec="utf-8").filter(str.isprintable))
TREES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(NAMES, TREES, max_size=4))
def test_any_tree_comes_back(tree: dict[str, Any]) -> None:
    assert checks.same(through(tree), tree)


def test_numbers_that_json_cannot_write_come_back() -> None:
    back = through({"inf": math.inf, "minus": -math.inf, "nan": math.nan, "float": 0.1, "big": 2**70})
    assert (back["inf"], back["minus"], back["float"], back["big"]) == (math.inf, -math.inf, 0.1, 2**70)
    assert math.isnan(back["nan"])


def test_names_with_the_same_path_are_kept_apart() -> None:
    one, two, three = (torch.full((2,), float(value)) for value in range(3))
    tree = {"a/b": one, "a": {"b": two, "": three}, "a~1b": one, "": {"a": three}}
    assert checks.same(through(tree), tree)


def test_views_and_tied_weights_are_kept_whole() -> None:
    base = torch.arange(12.0).reshape(3, 4)
    tree = {
        "part": base[:, 1:3],
        "turned": base.t(),
        "same": base,
        "again": base,
        "grad": base.clone().requires_grad_(),
    }
    back = through(tree)
    assert all(torch.equal(back[name], tree[name]) for name in tree)
    assert not back["grad"].requires_grad


class Strange:
    """Something that no file keeps."""


REFUSED: dict[str, Any] = {
    "object": Strange(),
    "set": {1, 2},
    "bytes": b"x",
    "numpy": np.float32(1),
    "array": np.zeros(2),
    "function": len,
    "complex": 1j,
    "numbered table": {1: 2},
    "sparse tensor": torch.zeros(2, 2).to_sparse(),
    "complex tensor": torch.zeros(2, dtype=torch.complex64),
}


@pytest.mark.parametrize("what", REFUSED)
def test_an_unknown_type_is_refused_when_it_is_saved(tmp_path: Path, what: str) -> None:
    with pytest.raises(CheckpointError, match=r"cannot save .*/callbacks/mine/value"):
        Checkpoints(tmp_path).save(1, {"callbacks": {"mine": {"value": REFUSED[what]}}})
    assert list(tmp_path.iterdir()) == []


def test_too_many_plain_values_are_refused_when_they_are_saved(tmp_path: Path) -> None:
    for value in ([0.5] * 900_000, [[]] * 100_000):
        with pytest.raises(CheckpointError, match="keep long lists as tensors"):
            Checkpoints(tmp_path).save(1, {"long": value})
    with pytest.raises(CheckpointError, match="cannot save"):
        Checkpoints(tmp_path).save(1, {"odd\nname": torch.zeros(2)})
    assert list(tmp_path.iterdir()) == []


def test_two_are_kept(tmp_path: Path) -> None:
    files = Checkpoints(tmp_path)
    for step in (0, 5, 7, 1_000_000_000):
        files.save(step, checks.tree(5))
    assert files.steps() == [7, 1_000_000_000]
    assert len(list(tmp_path.iterdir())) == 4


def test_the_same_state_is_the_same_file(tmp_path: Path) -> None:
    assert encode(checks.tree(3), FORMAT) == encode(checks.tree(3), FORMAT)


def test_files_of_others_are_left_alone(tmp_path: Path) -> None:
    others = [
        "notes.txt",
        "step-3.json",
        "my-step-000000003.json",
        "step-000000003.json.damaged",
        "step-x.json",
    ]
    for name in others:
        (tmp_path / name).write_text("mine")
    for step in range(4):
        Checkpoints(tmp_path).save(step, checks.tree(step))
    assert {name for name in others if (tmp_path / name).read_text() == "mine"} == set(others)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    small.train(tmp_path / "run", 4, checkpoint_every="2steps")
    return tmp_path / "run"


def test_a_newer_format_asks_to_upgrade(run: Path, monkeypatch: pytest.MonkeyPatch, ganzoo: Any) -> None:
    files = Checkpoints(run / "checkpoints")
    tree = files.load()
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "VERSION", 2)
        patch.setattr(checkpoint, "encode", functools.partial(tensor_file.encode, version=2))
        files.save(6, tree)
        newer = generator_file.PICTURES + 1
        generator = tensor_file.encode({"anything": 1}, generator_file.FORMAT, newer)
    before = small.names(list(files.folder.iterdir()))
    result = ganzoo("resume", str(run), "--dataset", small.DATASET, "--quiet")
    assert (result.code, "has format 2; this ganzoo reads 1. Upgrade ganzoo." in result.err) == (4, True)
    assert small.names(list(files.folder.iterdir())) == before
    (run / "generator.safetensors").write_bytes(b"".join(generator))
    result = ganzoo("sample", str(run), "--out", str(run / "x.npy"))
    assert (result.code, "Upgrade ganzoo" in result.err) == (4, True)


def test_a_newer_manifest_alone_is_damage(run: Path) -> None:
    files = Checkpoints(run / "checkpoints")
    files.manifest(4).write_text(files.manifest(4).read_text().replace('"format":1', '"format":9'))
    assert files.load()["step"] == 2


def read_as_documented(path: Path) -> dict[str, np.ndarray[Any, Any]]:
    """docs/reference/durability.md in code that knows nothing of ganzoo, torch or safetensors."""
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    entry = json.loads(header.pop("__metadata__")["ganzoo"])
    assert (entry["format"], entry["version"]) == ("ganzoo-checkpoint", 1)
    body = content[8 + length :]
    types = {"F32": "<f4", "F64": "<f8", "I64": "<i8"}
    return {
        name: np.frombuffer(body[slice(*about["data_offsets"])], types[about["dtype"]]).reshape(
            about["shape"]
        )
        for name, about in header.items()
    }


def test_another_program_can_read_it(run: Path) -> None:
    files = Checkpoints(run / "checkpoints")
    manifest, content = json.loads(files.manifest(4).read_text()), files.data(4).read_bytes()
    assert manifest == {
        "format": 1,
        "step": 4,
        "bytes": len(content),
        "blake2b": hashlib.blake2b(content, digest_size=16).hexdigest(),
    }
    theirs, ours = read_as_documented(files.data(4)), files.load()
    weight = ours["networks"]["generator"]["layers.0.weight"]
    assert np.array_equal(theirs["/networks/generator/layers.0.weight"], weight.numpy())
    with safetensors.safe_open(files.data(4), "np") as file:
        assert set(file.keys()) == set(theirs)
        assert np.array_equal(file.get_tensor("/networks/generator/layers.0.weight"), weight.numpy())


def test_what_a_run_saves(run: Path) -> None:
    tree = Checkpoints(run / "checkpoints").load()
    assert set(tree) == {
        "step",
        "rollbacks",
        "metrics_bytes",
        "fingerprint",
        "environment",
        "networks",
        "optimizers",
        "window",
        "callbacks",
    }
    assert set(tree["networks"]) == {"generator", "discriminator"}
    assert set(tree["optimizers"]["d"]) == {
        f"discriminator.layers.{n}.{k}" for n in "02" for k in ("weight", "bias")
    }
    assert tree["metrics_bytes"] == (run / "metrics.jsonl").stat().st_size


def test_weights_that_nobody_saves_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    turn = Parts.turn

    def with_more(self: Parts, name: str, players: list[Any], *rest: Any, **named: Any) -> Any:
        return turn(self, name, [*players, torch.nn.Linear(2, 2)], *rest, **named)

    monkeypatch.setattr(Parts, "turn", with_more)
    with pytest.raises(PluginError, match="belong to no player"):
        small.train(tmp_path / "run", 1)


class Counting(torch.nn.Module):
    """A loss whose values depend on how often it was asked."""

    probability = True

    def __init__(self) -> None:
        super().__init__()
        self.plain = SmoothedBCE()
        self.register_buffer("calls", torch.zeros(()))

    def discriminator(self, real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return self.plain.discriminator(real, fake) * self.calls

    def generator(self, fake: torch.Tensor) -> torch.Tensor:
        return self.plain.generator(fake)


def test_a_loss_with_state_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(losses, "BCE", Counting)
    small.train(tmp_path / "whole", 7, loss="bce")
    small.train(tmp_path / "run", 3, loss="bce")
    small.resume(tmp_path / "run", steps=7)
    assert "calls" in Checkpoints(tmp_path / "run" / "checkpoints").load()["networks"]["loss"]
    checks.agree(tmp_path / "whole", tmp_path / "run", "a loss with state")


def test_generators_are_loaded_from_either_path(run: Path) -> None:
    by_folder, by_file = ganzoo.load(run), ganzoo.load(str(run / "generator.safetensors"))
    assert torch.equal(by_folder.sample(3), by_file.sample(3))
