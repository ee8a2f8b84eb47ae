"""Files made to harm whoever opens them: nothing of theirs is run, imported, opened or given memory."""

import contextlib
import json
import os
import pickle
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from faults import small
from ganzoo.engine import checkpoint, generator_file
from ganzoo.engine.checkpoint import Checkpoints
from ganzoo.engine.tensor_file import MOST_BRACKETS, decode, encode
from ganzoo.errors import CheckpointError, GanzooError, PluginError
from memory import peak_bytes

EVENTS = ("import", "open", "exec", "compile", "os.system", "subprocess.Popen", "socket.connect", "os.mkdir")


class Watch:
    """What the interpreter is asked to do while it is on; a hook cannot be removed again."""

    def __init__(self) -> None:
        self.seen: list[str] | None = None
        sys.addaudithook(self.note)

    def note(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.seen is not None and event in EVENTS:
            self.seen.append(f"{event} {arguments[:2]}")


@pytest.fixture(scope="module")
def watch() -> Watch:
    return Watch()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("hostile") / "run"
    small.train(out, 2)
    return out


class Bomb:
    """Touches a canary when it is unpickled."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return os.mkdir, (str(self.canary),)


@pytest.mark.parametrize("name", ["model.pt", "model.ckpt", "model.pkl", "generator.safetensors"])
def test_a_pickle_is_never_loaded(tmp_path: Path, ganzoo: Callable[..., Any], name: str) -> None:
    path, canary = tmp_path / name, tmp_path / "canary"
    path.write_bytes(pickle.dumps(Bomb(canary)))
    result = ganzoo("sample", str(path), "--out", str(tmp_path / "x.npy"))
    assert (result.code, "not a file of ganzoo's" in result.err) == (4, True)
    torch.save({"bomb": Bomb(canary)}, path)
    result = ganzoo("sample", str(path), "--out", str(tmp_path / "x.npy"))
    assert (result.code, "Traceback" in result.err) == (4, False)
    assert not canary.exists()


def test_a_pickle_with_a_manifest_is_never_loaded(tmp_path: Path) -> None:
    canary, files = tmp_path / "canary", Checkpoints(tmp_path)
    content = pickle.dumps(Bomb(canary))
    files.data(7).write_bytes(content)
    manifest = checkpoint.describe(1, 7, len(content), checkpoint.digest([content]))
    files.manifest(7).write_bytes(manifest)
    with pytest.raises(CheckpointError, match="not a file of ganzoo's"):
        files.load()
    assert not canary.exists()


def _generator(run: Path, change: Callable[[dict[str, Any]], None]) -> bytes:
    """The run's generator file with another config, and a checksum that fits."""
    content = (run / "generator.safetensors").read_bytes()
    tree = decode(content, "x", generator_file.FORMAT)
    change(tree["config"])
    tree["blake2b"] = generator_file.UNSEALED.decode()
    content = b"".join(encode(tree, generator_file.FORMAT))
    return content.replace(generator_file.UNSEALED, checkpoint.digest([content]).encode(), 1)


NAMES = (
    "os:system",
    "evil_module:Generator",
    "evil_module",
    "./evil.py:Generator",
    "/tmp/evil.py:Generator",
    "../../evil.py",
    "https://evil.example/generator.py",
    "git+ssh://evil.example/x",
    "evil-package/generator",
    "gaussian\0evil",
    "",
    "evil" * 10_000,
)


@pytest.mark.parametrize("name", NAMES, ids=lambda name: name[:20])
def test_a_name_in_a_file_is_never_followed(run: Path, watch: Watch, name: str) -> None:
    content = _generator(run, lambda config: config["generator"].update(name=name))
    watch.seen = []
    try:
        with pytest.raises(CheckpointError) as caught:
            generator_file.read(content, "x")
    finally:
        seen, watch.seen = watch.seen, None
    assert not [line for line in seen if "evil" in line or "example" in line]
    assert len(str(caught.value)) < 100_000


def _set(*path: str, to: Any) -> Callable[[dict[str, Any]], None]:
    def change(config: dict[str, Any]) -> None:
        for key in path[:-1]:
            config = config[key]
        config[path[-1]] = to

    return change


ABSURD = {
    "a billion channels": _set("generator", "options", "width", to=10**9),
    "more than fits a number": _set("generator", "options", "width", to=10**30),
    "a negative width": _set("generator", "options", "width", to=-1),
    "an unknown option": _set("generator", "options", "evil", to=1),
    "an option called name": _set("generator", "options", "name", to="evil"),
    "options that are a list": _set("generator", "options", to=[1]),
    "a billion layers": _set("generator", to={"name": "vanilla", "options": {"depth": 10**9}}),
    "a thousand layers": _set("generator", to={"name": "vanilla", "options": {"depth": 1000}}),
    "another network": _set("generator", to={"name": "dcgan", "options": {"width": 10**9}}),
    "a huge shape": _set("spec", "shape", to=[10**9, 10**9, 10**9]),
    "a huge picture": _set("spec", "shape", to=[3, 10**6, 10**6]),
    "a shape of nothing": _set("spec", "shape", to=[]),
    "a shape with a zero": _set("spec", "shape", to=[0]),
    "a shape of many axes": _set("spec", "shape", to=[1] * 10_000),
    "a shape of text": _set("spec", "shape", to="evil"),
    "a shape of fractions": _set("spec", "shape", to=[2.5]),
    "a huge latent": _set("latent", "size", to=10**12),
    "a latent of truth": _set("latent", "size", to=True),
    "another distribution": _set("latent", "distribution", to="evil"),
    "a huge number of classes": _set("spec", "classes", to=10**12),
    "a range upside down": _set("spec", "value_range", to=[1.0, -1.0]),
    "a range without end": _set("spec", "value_range", to=[float("-inf"), float("inf")]),
    "a range of NaN": _set("spec", "value_range", to=[float("nan"), 1.0]),
    "a range of three": _set("spec", "value_range", to=[0, 1, 2]),
    "another type": _set("dtype", to="object"),
    "a type of nothing": _set("dtype", to=None),
    "no spec": _set("spec", to=None),
    "a name of nothing": _set("generator", "name", to=None),
}


def _cost(action: Callable[[], Any]) -> tuple[str, float, int]:
    """What an action raises, its seconds of work and most bytes of memory, in a process of its own."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        before, began, name = peak_bytes(), time.process_time(), "nothing"
        try:
            action()
        except BaseException as error:
            name = type(error).__name__
        answer = json.dumps([name, time.process_time() - began, peak_bytes() - before])
        os.write(writing, answer.encode())
        os._exit(0)
    os.close(writing)
    with open(reading, "rb") as file:
        answer = file.read()
    os.waitpid(child, 0)
    name, seconds, taken = json.loads(answer)
    return name, seconds, taken


@pytest.mark.parametrize("what", ABSURD)
def test_an_absurd_config_takes_no_memory(run: Path, what: str) -> None:
    content = _generator(run, ABSURD[what])
    with pytest.raises((CheckpointError, PluginError)):
        generator_file.read(content, "x")
    _, seconds, taken = _cost(lambda: generator_file.read(content, "x"))
    assert seconds < 2
    assert taken < 100e6


def _file(header: bytes, body: bytes = b"") -> bytes:
    return len(header).to_bytes(8, "little") + header + body


def _tensors(count: int, **entry: Any) -> bytes:
    value = {"dtype": "U8", "shape": [0], "data_offsets": [0, 0], **entry}
    return _file(json.dumps({f"t{index}": value for index in range(count)}).encode())


def _with_tree(
    tree: Any, tensors: dict[str, Any], body: bytes = b"", name: str = "ganzoo-generator"
) -> bytes:
    entry = json.dumps({"format": name, "version": 1, "tree": tree})
    return _file(json.dumps({"__metadata__": {"ganzoo": entry}, **tensors}).encode(), body)


def _u8(*offsets: int, shape: list[int] | None = None) -> dict[str, Any]:
    return {"dtype": "U8", "shape": shape or [offsets[1] - offsets[0]], "data_offsets": list(offsets)}


def hostile() -> Iterator[tuple[str, bytes]]:
    """Files by what is wrong with them."""
    yield "header of 2^63", (2**63).to_bytes(8, "little") + b"{}"
    yield "header of 2^64 - 1", b"\xff" * 8 + b"{}"
    yield "header of 60 MB", _file(b" " * 60_000_000)
    yield "200,000 tensors", _tensors(200_000)
    yield "list in list in list", _file(b"[" * 4_000_000)
    yield "four million empty lists", _file(b'{"a":[' + b"[]," * 1_000_000 + b"[]]}")
    yield "numbers to fill the memory", _file(b'{"a":[' + b"1e5," * 1_000_000 + b"1]}")
    yield "a number of a million digits", _file(b'{"a":' + b"1" * 1_000_000 + b"}")
    yield "deep tree", _with_tree(json.loads("[" * 500 + "]" * 500), {})
    yield "brackets just allowed", _with_tree([[]] * (MOST_BRACKETS - 200), {})
    yield "not JSON", _file(b"{")
    yield "not text", _file(b"\xff\xfe\x00")
    yield "no metadata", _file(b"{}")
    yield "metadata of a number", _file(b'{"__metadata__":{"ganzoo":1}}')
    yield "entry that is a list", _file(b'{"__metadata__":{"ganzoo":"[]"}}')
    yield "no tree", _file(json.dumps({"__metadata__": {"ganzoo": '{"format":"ganzoo-generator"}'}}).encode())
    yield "unknown kind", _with_tree({"evil": 1}, {})
    yield "tensor that is absent", _with_tree({"tensor": "a"}, {})
    yield "tensor with a list for a name", _with_tree({"tensor": []}, {})
    yield "float of text", _with_tree({"float": "evil"}, {})
    yield "table of a number", _with_tree({"table": 1}, {})
    yield "beyond the end", _with_tree({"tensor": "a"}, {"a": _u8(0, 100)}, b"1234")
    yield "overlapping", _with_tree({"tensor": "a"}, {"a": _u8(0, 4), "b": _u8(2, 6)}, b"123456")
    yield "backwards", _with_tree({"tensor": "a"}, {"a": _u8(4, 0, shape=[4])}, b"1234")
    yield "negative offsets", _with_tree({"tensor": "a"}, {"a": _u8(-4, 0, shape=[4])}, b"1234")
    yield "a hole", _with_tree({"tensor": "a"}, {"a": _u8(0, 2), "b": _u8(4, 6)}, b"123456")
    yield "shape that overflows", _with_tree({"tensor": "a"}, {"a": _u8(0, 4, shape=[2**62, 4])}, b"1234")
    yield "huge shape of nothing", _with_tree({"tensor": "a"}, {"a": _u8(0, 0, shape=[2**62, 0])})
    yield "negative shape", _with_tree({"tensor": "a"}, {"a": _u8(0, 4, shape=[-2, -2])}, b"1234")
    yield "unknown type", _with_tree({"tensor": "a"}, {"a": {**_u8(0, 4), "dtype": "EVIL"}}, b"1234")
    odd = "\x1b[2J\n../../evil\0" + "x" * 100_000
    yield "odd name", _with_tree({"tensor": odd}, {odd: _u8(0, 4)}, b"1234")
    yield "sparse", _with_tree({"table": {}}, {"a": _u8(0, 10**12)})


@pytest.mark.parametrize(("what", "content"), [pytest.param(*case, id=case[0]) for case in hostile()])
def test_a_hostile_file_costs_nothing(tmp_path: Path, what: str, content: bytes) -> None:
    path = tmp_path / "generator.safetensors"
    path.write_bytes(content)
    name, seconds, taken = _cost(lambda: generator_file.load(path))
    assert name == "CheckpointError"
    assert seconds < 3  # a third of that on a quiet machine
    assert taken < 100e6


def test_names_of_a_file_cannot_steer_the_terminal(tmp_path: Path, ganzoo: Callable[..., Any]) -> None:
    path = tmp_path / "generator.safetensors"
    path.write_bytes(_with_tree({"tensor": "\x1b[2J"}, {"\x1b[2J": _u8(0, 4)}, b"1234"))
    result = ganzoo("sample", str(path), "--out", str(tmp_path / "x.npy"))
    assert result.code == 4
    assert "\x1b[2J" not in result.err


def test_a_strangers_run_cannot_lead_out_of_its_directory(run: Path, tmp_path: Path) -> None:
    import shutil

    treasure = tmp_path / "treasure"
    treasure.write_text("untouched")
    for name in ("metrics.jsonl", ".lock", "generator.safetensors"):
        out = shutil.copytree(run, tmp_path / f"with-{name}")
        (out / name).unlink(missing_ok=True)
        (out / name).symlink_to(treasure)
        with contextlib.suppress(GanzooError):
            small.resume(out, steps=4)
        assert treasure.read_text() == "untouched", name
    out = shutil.copytree(run, tmp_path / "with-folder")
    shutil.move(out / "checkpoints", tmp_path / "elsewhere")
    (out / "checkpoints").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(GanzooError, match="is a link"):
        small.resume(out, steps=4)
    assert len(list((tmp_path / "elsewhere").iterdir())) == 4
