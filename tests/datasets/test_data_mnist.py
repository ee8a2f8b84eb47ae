import gzip
import logging
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from data_files import message_of, write_idx

from ganzoo.datasets.base import DataFolders, Split
from ganzoo.datasets.mnist import fashion_mnist, mnist
from ganzoo.errors import UsageError

COUNTS = {"train": 60_000, "t10k": 10_000}


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with four files of MNIST's sizes: blank test pictures, numbered labels."""
    folder = tmp_path_factory.mktemp("made")
    for prefix, count in COUNTS.items():
        write_idx(folder / f"{prefix}-images-idx3-ubyte", np.zeros((count, 28, 28)))
        write_idx(folder / f"{prefix}-labels-idx1-ubyte.gz", np.arange(count) % 10)
    return folder


def link(made: Path, into: Path, *prefixes: str) -> Path:
    """Links to the made files, so that a test can damage some."""
    into.mkdir(parents=True, exist_ok=True)
    for file in made.iterdir():
        if file.name.startswith(prefixes or tuple(COUNTS)):
            (into / file.name).symlink_to(file)
    return into


def test_the_promise_needs_no_file(folders: DataFolders) -> None:
    for dataset in (mnist(folders), fashion_mnist(folders)):
        spec = dataset.spec
        assert (spec.shape, spec.value_range, spec.classes, spec.size) == ((1, 28, 28), (0, 255), 10, 60_000)


@pytest.mark.parametrize("place", ["MNIST/raw", "."])
def test_found_below_a_data_folder(folders: DataFolders, made: Path, place: str) -> None:
    assert folders.data is not None
    link(made, folders.data / place)
    for split, count in (("train", 60_000), ("test", 10_000)):
        samples = mnist(folders).load(split)  # type: ignore[arg-type]
        assert samples.values.shape == (count, 1, 28, 28)
        assert samples.values.dtype == torch.uint8
        assert samples.labels is not None
        assert samples.labels.dtype == torch.int64
        assert samples.labels[:12].tolist() == [*range(10), 0, 1]


def test_data_folder_comes_before_the_variable_and_the_cache(
    folders: DataFolders, made: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "ganzoo")
    variable = link(made, folders.cache.parent / "variable")
    monkeypatch.setenv("GANZOO_DATA", str(variable))
    link(made, folders.cache)
    mnist(folders).load("test")
    assert str(variable) in caplog.messages[-1]
    assert folders.data is not None
    link(made, folders.data / "MNIST/raw")
    mnist(folders).load("test")
    assert str(folders.data) in caplog.messages[-1]


def test_images_of_one_copy_are_not_mixed_with_labels_of_another(
    folders: DataFolders, made: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "ganzoo")
    assert folders.data is not None
    link(made, folders.data, "t10k-images")
    link(made, folders.cache)
    mnist(folders).load("test")
    assert str(folders.cache) in caplog.messages[-1]


def test_without_files_and_network(folders: DataFolders) -> None:
    message = message_of(lambda: mnist(folders).load("train"))
    assert "Name or service not known" in message
    assert "t10k-labels-idx1-ubyte.gz" in message
    assert "--data" in message
    assert "pip install 'ganzoo[mnist-5k]'" in message
    assert not folders.cache.exists()


def test_downloads_can_be_turned_off(folders: DataFolders) -> None:
    offline = DataFolders(data=folders.data, cache=folders.cache, download=False)
    assert "downloads are off" in message_of(lambda: fashion_mnist(offline).load("test"))


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        (np.zeros(9_999), "declares 9999"),
        (np.full(10_000, 10), "the label 10"),
        (np.zeros((10_000, 1)), "2-dimensional"),
    ],
)
def test_labels_that_do_not_belong(folders: DataFolders, made: Path, labels: np.ndarray, reason: str) -> None:
    assert folders.data is not None
    link(made, folders.data, "t10k-images")
    path = write_idx(folders.data / "t10k-labels-idx1-ubyte.gz", labels)
    message = message_of(lambda: mnist(folders).load("test"))
    assert reason in message
    assert str(path) in message


def test_truncated_file_is_not_replaced_by_another(folders: DataFolders, made: Path) -> None:
    assert folders.data is not None
    link(made, folders.data, "t10k-labels")
    path = folders.data / "t10k-images-idx3-ubyte.gz"
    path.write_bytes(gzip.compress(b"\0\0\x08\3" + bytes(100))[:50])
    link(made, folders.cache)
    assert str(path) in message_of(lambda: mnist(folders).load("test"))


def test_foreign_labels_are_used_but_not_silently(
    folders: DataFolders, made: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert folders.data is not None
    link(made, folders.data)
    mnist(folders).load("test")
    assert "other labels than mnist" in caplog.text


def test_one_data_set_is_never_taken_for_the_other(real_data: Callable[..., DataFolders]) -> None:
    place = "fashion-mnist/t10k-labels-idx1-ubyte.gz"
    found = real_data(place)
    assert found.data is not None
    confused = DataFolders(data=found.data / "fashion-mnist", download=False)
    assert "holds fashion-mnist, not mnist" in message_of(lambda: mnist(confused).load("test"))


@pytest.mark.parametrize(
    ("factory", "places", "first_labels", "mean"),
    [
        (mnist, ("MNIST/raw",), {"train": [5, 0, 4], "test": [7, 2, 1]}, 33.3184),
        (
            fashion_mnist,
            ("fashion-mnist", "FashionMNIST/raw"),
            {"train": [9, 0, 0], "test": [9, 2, 1]},
            72.9404,
        ),
    ],
    ids=["mnist", "fashion-mnist"],
)
def test_the_real_pictures(
    real_data: Callable[..., DataFolders],
    caplog: pytest.LogCaptureFixture,
    factory: Callable[[DataFolders], object],
    places: tuple[str, ...],
    first_labels: dict[Split, list[int]],
    mean: float,
) -> None:
    files = [f"{place}/train-images-idx3-ubyte{end}" for place in places for end in (".gz", "")]
    dataset = factory(real_data(*files))
    for split, labels in first_labels.items():
        samples = dataset.load(split)  # type: ignore[attr-defined]
        assert samples.labels[:3].tolist() == labels
        if split == "train":
            assert samples.values.float().mean().item() == pytest.approx(mean, abs=1e-3)
    assert "other labels" not in caplog.text


def test_named_folder_must_exist(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        DataFolders(data=tmp_path / "nowhere")


def test_unreadable_folder_holds_nothing(folders: DataFolders, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "stat", refuse)
    assert folders.find(["anything"]) is None
