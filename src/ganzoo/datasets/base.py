"""What every data set promises, and where data files are looked for."""

import importlib.util
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal, Protocol, runtime_checkable

import platformdirs
import torch
from torch import Tensor

from ganzoo.errors import DataError, UsageError
from ganzoo.options import Bounds
from ganzoo.spec import DataSpec

Split = Literal["train", "test"]
Seed = Annotated[int, Bounds(0, 2**63 - 1)]
DrawCount = Annotated[int, Bounds(1, 10**8)]
PIXELS = (0, 255)


@dataclass(frozen=True)
class Samples:
    """Samples in memory.

    values: (N, *shape), uint8 where the source is uint8, else float32; labels: (N,) int64 or None.
    Raises DataError where the two disagree.
    """

    values: Tensor
    labels: Tensor | None = None

    def __post_init__(self) -> None:
        if self.labels is not None and len(self.labels) != len(self.values):
            raise DataError(f"{len(self.values)} samples have {len(self.labels)} labels; they must agree.")

    def __len__(self) -> int:
        return len(self.values)


class Dataset(Protocol):
    """A data set: its promise, known at once, and its samples, loaded when asked for."""

    @property
    def spec(self) -> DataSpec:
        """Shape, value range, classes and size; cheap, and known before any file of samples is read."""
        ...

    def load(self, split: Split) -> Samples | None:
        """The samples of a split, or None where the data set has no such split. Raises DataError."""
        ...


@dataclass(frozen=True, eq=False)
class Modes:
    """Equally likely round Gaussians with standard deviation `sd` around `centres` (modes, F)."""

    centres: Tensor
    sd: float


@runtime_checkable
class Mixed(Protocol):
    """What a data set also is where it can say its modes, so that they can be counted."""

    @property
    def modes(self) -> Modes:
        """The Gaussians that the samples come from."""
        ...


def spread(size: int, count: int) -> Tensor:
    """The rows of `count` samples, or of all if there are fewer, spread evenly over `size` of them.

    The first ones alone would all be of one class where a data set is sorted.
    """
    count = min(count, size)
    return torch.arange(count) * size // max(count, 1)


@dataclass(frozen=True)
class DataFolders:
    """Where data files are looked for: --data, GANZOO_DATA, the user's cache, the system's packages.

    Raises UsageError where a folder that the user named does not exist.
    """

    data: Path | None = None
    download: bool = True
    cache: Path = field(default_factory=lambda: Path(platformdirs.user_cache_dir("ganzoo")))

    def __post_init__(self) -> None:
        for folder in self.named:
            if not os.path.isdir(folder):
                raise UsageError(f"the data folder {folder} does not exist. Name a folder that does.")

    @property
    def named(self) -> list[Path]:
        """The folders that the user named: --data, then GANZOO_DATA."""
        variable = os.environ.get("GANZOO_DATA")
        return [Path(folder).expanduser() for folder in (self.data, variable) if folder]

    @property
    def search(self) -> list[Path]:
        """All folders to look in, most specific first."""
        return [*self.named, self.cache, Path("/usr/share/datasets")]

    def find(self, names: Iterable[str]) -> Path | None:
        """The first existing file or folder of these relative names, folder by folder."""
        relative = list(names)
        # os.path, not Path: an unreadable folder holds nothing, it is no error.
        return next((f / n for f in self.search for n in relative if os.path.exists(f / n)), None)


def installed_file(package: str, *parts: str) -> Path | None:
    """A data file inside an installed package, found without importing the package."""
    spec = importlib.util.find_spec(package)
    places = spec.submodule_search_locations if spec is not None else None
    paths = (Path(place).joinpath(*parts) for place in places or ())
    return next((path for path in paths if path.is_file()), None)
