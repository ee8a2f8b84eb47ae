"""Noise in the files that ganzoo reads raises only ganzoo's own errors; pictures: tests/datasets."""

import contextlib
import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st

from faults import small
from ganzoo import api
from ganzoo.engine import checkpoint, directory, generator_file, tensor_file
from ganzoo.engine.checkpoint import Checkpoints
from ganzoo.engine.record import read_metrics
from ganzoo.engine.resolve import resolve
from ganzoo.errors import CheckpointError, GanzooError, UsageError
from ganzoo.recipe import Recipe

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)
TOML = st.recursive(
    st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=8) | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("fuzz") / "run"
    small.train(out, 2)
    return out


def noisy(data: st.DataObject, content: bytes) -> bytes:
    """The content with some bytes changed, taken out or put in."""
    changed = bytearray(content)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, max(len(changed) - 1, 0)))
        width = data.draw(st.integers(0, 3))
        changed[place : place + width] = data.draw(st.binary(max_size=3))
    return bytes(changed[: data.draw(st.integers(0, len(changed)) | st.just(len(changed)))])


def replaced(data: st.DataObject, tree: Any, values: st.SearchStrategy[Any]) -> Any:
    """The tree with one value or one key, somewhere in it, replaced."""
    if isinstance(tree, dict) and tree and data.draw(st.integers(0, 9)):
        key = data.draw(st.sampled_from(sorted(tree)))
        if not data.draw(st.integers(0, 9)):
            return {data.draw(st.text(max_size=5)) if k == key else k: v for k, v in tree.items()}
        return {**tree, key: replaced(data, tree[key], values)}
    if isinstance(tree, list) and tree and data.draw(st.integers(0, 9)):
        place = data.draw(st.integers(0, len(tree) - 1))
        return [*tree[:place], replaced(data, tree[place], values), *tree[place + 1 :]]
    return data.draw(values)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_noise_in_a_tensor_file(run: Path, data: st.DataObject) -> None:
    content = noisy(data, (run / "generator.safetensors").read_bytes())
    with contextlib.suppress(CheckpointError):
        tensor_file.decode(content, "x", generator_file.FORMAT)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_random_bytes_as_a_tensor_file(content: bytes) -> None:
    for whole in (content, len(content).to_bytes(8, "little") + content):
        with pytest.raises(CheckpointError):
            tensor_file.decode(whole, "x", generator_file.FORMAT)


def _parts(content: bytes) -> tuple[dict[str, Any], dict[str, Any], bytes]:
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    return header, json.loads(header["__metadata__"]["ganzoo"]), content[8 + length :]


def _joined(header: Any, entry: Any, body: bytes) -> bytes:
    with contextlib.suppress(TypeError, KeyError):
        header = {**header, "__metadata__": {"ganzoo": json.dumps(entry)}}
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + body


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_another_header_or_tree_in_a_generator(run: Path, data: st.DataObject) -> None:
    """With a checksum that fits, so that what comes after it is reached."""
    header, entry, body = _parts((run / "generator.safetensors").read_bytes())
    entry["tree"]["table"]["blake2b"] = generator_file.UNSEALED.decode()
    if data.draw(st.booleans()):
        header = replaced(data, header, JSON)
    else:
        entry = replaced(data, entry, JSON)
    content = _joined(header, entry, body)
    content = content.replace(generator_file.UNSEALED, checkpoint.digest([content]).encode(), 1)
    with contextlib.suppress(CheckpointError):
        generator_file.read(content, "x")


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_another_state_in_a_checkpoint(run: Path, data: st.DataObject) -> None:
    """A stranger's state, with a manifest that fits, is refused or put back whole."""
    files = Checkpoints(run / "checkpoints")
    header, entry, body = _parts(files.data(2).read_bytes())
    content = _joined(header, replaced(data, entry, JSON), body)
    manifest = {"format": 1, "step": 2, "bytes": len(content), "blake2b": checkpoint.digest([content])}
    with contextlib.suppress(CheckpointError):
        tree = checkpoint.read(2, json.dumps(manifest).encode(), content, "x")
        _ready(run).restore(tree)


def _ready(run: Path) -> Any:
    from ganzoo.engine.build import build
    from ganzoo.settings import Settings

    file = directory.read(run)
    return build(
        Recipe.from_table(file.recipe), Settings(device="cpu"), run, typed=frozenset(small.TYPED.values())
    )


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_noise_in_a_manifest(run: Path, data: st.DataObject) -> None:
    files = Checkpoints(run / "checkpoints")
    good, content = files.manifest(2).read_bytes(), files.data(2).read_bytes()
    noise = st.one_of(st.binary(max_size=100), JSON.map(lambda value: json.dumps(value).encode()))
    bad = data.draw(noise) if data.draw(st.booleans()) else noisy(data, good)
    if bad != good:
        with pytest.raises(CheckpointError):
            checkpoint.read(2, bad, content, "x")


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_noise_in_the_records(
    run: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / "noise.jsonl"
    path.write_bytes(noisy(data, (run / "metrics.jsonl").read_bytes()))
    with contextlib.suppress(CheckpointError):
        assert all(isinstance(record, dict) for record in read_metrics(path))


def _plan(path: Path) -> None:
    """All that a run.toml goes through before anything is built."""
    file = directory.read(path)
    planned = api.plan("gaussian", file, {"dataset": "gaussian"}, {})
    api.make_settings(file.run, {}, None)
    resolve(planned)


def _harmless(run: Path, change: Callable[[bytes], bytes]) -> None:
    path = run.parent / "noise.toml"
    path.write_bytes(change((run / "run.toml").read_bytes()))
    with contextlib.suppress(GanzooError):
        _plan(path)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_noise_in_a_toml_file(run: Path, data: st.DataObject) -> None:
    _harmless(run, lambda good: noisy(data, good))


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_other_values_in_a_toml_file(run: Path, data: st.DataObject) -> None:
    def change(good: bytes) -> bytes:
        table = replaced(data, tomllib.loads(good.decode()), TOML)
        return tomli_w.dumps(table if isinstance(table, dict) else {"recipe": table}).encode()

    _harmless(run, change)


def test_a_toml_file_that_is_none(run: Path, tmp_path: Path) -> None:
    for content in (b"\xff", b"[[[", b"a = 1" * 10, b"[" * 100_000, b"format = 99\n"):
        path = tmp_path / "x.toml"
        path.write_bytes(content)
        with pytest.raises(UsageError):
            directory.read(path)
