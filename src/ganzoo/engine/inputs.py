"""Pictures that a person gives a generator to start from: a folder, a picture or an array."""

import io
import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from ganzoo import storage
from ganzoo.datasets.base import PIXELS, DataFolders
from ganzoo.datasets.folder import folder
from ganzoo.datasets.picture import UnreadablePicture, guarding_memory, read_picture
from ganzoo.errors import DataError, UsageError
from ganzoo.spec import DataSpec

READABLE: Mapping[int, Literal[1, 3, 4]] = MappingProxyType({1: 1, 3: 3, 4: 4})


def read(path: Path, spec: DataSpec) -> Tensor:
    """Pictures (N, C, H, W) in [-1, 1], with the channels, height and width of a spec.

    path: FILE.npy, as `ganzoo sample` writes it or as uint8 pixels; a folder or zip file of pictures, in the
    order of their names; or a picture. Pictures are cut to squares. Raises UsageError and DataError.
    """
    if not os.path.exists(path):
        raise UsageError(f"there is no {path}. Name a folder, a picture or a .npy file.")
    if path.suffix == ".npy":
        return _array(path)
    channels, height, width = spec.shape
    readable = READABLE.get(channels)
    if height != width or readable is None:
        raise UsageError(f"pictures of {spec.shape_text} are read from a .npy file only.")
    if path.is_dir() or path.suffix == ".zip":
        loaded = folder(DataFolders(), path=str(path), image_size=height, channels=readable).load("train")
        return scaled(loaded.values) if loaded is not None else torch.empty(0, *spec.shape)
    try:
        with guarding_memory(), open(path, "rb") as file:
            pixels, _ = read_picture(file, height, channels)
    except (OSError, UnreadablePicture) as error:
        raise DataError(f"{path} {error}. Name a folder, a picture or a .npy file.") from error
    return scaled(torch.from_numpy(pixels.copy())[None])


def scaled(pixels: Tensor) -> Tensor:
    """Pixels uint8 as float32 in [-1, 1]."""
    low, high = PIXELS
    return (pixels.float() - low) * (2 / (high - low)) - 1


def _array(path: Path) -> Tensor:
    try:
        pictures = torch.from_numpy(np.load(io.BytesIO(storage.read(path)), allow_pickle=False))
    except Exception as error:  # numpy raises errors of any kind for what is no array
        raise DataError(f"{path} is not an array that can be read: {error}.") from error
    pictures = pictures[None] if pictures.dim() == 3 else pictures
    return scaled(pictures) if pictures.dtype == torch.uint8 else pictures.to(torch.float32)
