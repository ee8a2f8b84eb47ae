"""Two folders of your own pictures, joined along channels: source, then target."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Literal

import torch
from torch import Tensor

from ganzoo.datasets.base import DataFolders, Samples, Seed, Split
from ganzoo.datasets.folder import PictureFolder, folder
from ganzoo.errors import DataError
from ganzoo.options import PositiveInt
from ganzoo.spec import DataSpec


@dataclass(frozen=True)
class TwoFolders:
    """Pictures of two folders; rows: which of each make a sample."""

    sides: tuple[PictureFolder, PictureFolder]
    rows: tuple[Tensor, Tensor]

    @property
    def spec(self) -> DataSpec:
        """Twice the channels of a picture, uint8 pixels, no classes."""
        channels, height, width = self.sides[0].spec.shape
        return DataSpec(
            (2 * channels, height, width), self.sides[0].spec.value_range, None, len(self.rows[0])
        )

    def load(self, split: Split) -> Samples | None:
        """All samples; there is no test split. Raises DataError."""
        loaded = [side.load(split) for side in self.sides]
        chosen = [side.values[rows] for side, rows in zip(loaded, self.rows, strict=True) if side is not None]
        return Samples(torch.cat(chosen, 1)) if len(chosen) == 2 else None


def paired_folders(
    folders: DataFolders,
    *,
    source: str,
    target: str,
    image_size: PositiveInt = 64,
    channels: Literal[1, 3, 4] = 3,
) -> TwoFolders:
    """Paired pictures: two folders or zip files whose files have the same names but for the ending.

    source, target: as they are or below a data folder. Raises DataError where a picture lacks its other half.
    """
    sides = _sides(folders, source, target, image_size, channels)
    names = [[str(PurePath(name).with_suffix("")) for name in side.files.names] for side in sides]
    for mine, others, place in ((names[0], names[1], target), (names[1], names[0], source)):
        alone = sorted(set(mine) - set(others))
        if alone:
            more = f", and {len(alone) - 1} more" if len(alone) > 1 else ""
            raise DataError(
                f"{place} has no picture named {alone[0]}{more}. Add it, or remove the other half."
            )
    if len(names[0]) != len(names[1]) or len(set(names[0])) != len(names[0]):
        raise DataError(f"several files of {source} or {target} differ in their ending alone. Rename them.")
    other = {name: row for row, name in enumerate(names[1])}
    matched = torch.tensor([other[name] for name in names[0]])
    return TwoFolders(sides, (torch.arange(len(matched)), matched))


def unpaired_folders(
    folders: DataFolders,
    *,
    source: str,
    target: str,
    image_size: PositiveInt = 64,
    channels: Literal[1, 3, 4] = 3,
    seed: Seed = 0,
) -> TwoFolders:
    """Unpaired pictures: two folders or zip files, joined at random; the smaller one is repeated.

    source, target: as they are or below a data folder. seed: decides what is joined with what.
    """
    sides = _sides(folders, source, target, image_size, channels)
    counts = [len(side.files.names) for side in sides]
    generator = torch.Generator().manual_seed(seed)
    first, second = (_rows(count, max(counts), generator) for count in counts)
    return TwoFolders(sides, (first, second))


def _rows(count: int, size: int, generator: torch.Generator) -> Tensor:
    """Numbers below `count` (size,) in random order, each as often as any other, but for a rest."""
    rounds: Sequence[Tensor] = [torch.randperm(count, generator=generator) for _ in range(-(-size // count))]
    return torch.cat(list(rounds))[:size]


def _sides(
    folders: DataFolders, source: str, target: str, image_size: int, channels: Literal[1, 3, 4]
) -> tuple[PictureFolder, PictureFolder]:
    first, second = (
        folder(folders, path=path, image_size=image_size, channels=channels) for path in (source, target)
    )
    return first, second
