"""Differentiable augmentation: colour, translation and cutout (Zhao et al., 2020, arXiv:2006.10738)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganzoo.options import Probability
from ganzoo.spec import DataSpec


class DiffAugment(nn.Module):
    """Colour, translation and cutout of every picture, differentiable (Zhao et al., 2020, arXiv:2006.10738).

    translation: the largest shift, and cutout: the side of the square that is blanked, both as a share of the
    picture's sides; 0 for none.
    """

    def __init__(
        self,
        spec: DataSpec,
        *,
        color: bool = True,
        translation: Probability = 0.125,
        cutout: Probability = 0.5,
    ) -> None:
        super().__init__()
        if not spec.is_image:
            raise ValueError(f"it changes pictures and the data are {spec.shape_text}")
        self.color, self.translation, self.cutout = color, translation, cutout
        low, high = spec.value_range or (-1.0, 1.0)
        self.middle, self.reach = (low + high) / 2, (high - low) / 2

    def forward(self, x: Tensor) -> Tensor:
        x = (x - self.middle) / self.reach  # the paper's pixels are in [-1, 1], and 0 is blank
        if self.color:
            x = change_color(x)
        if self.translation:
            x = translate(x, self.translation)
        if self.cutout:
            x = cut_out(x, self.cutout)
        return x * self.reach + self.middle

    def observe(self, real_scores: Tensor) -> None:
        """Nothing: the augmentation is always the same."""


def change_color(x: Tensor) -> Tensor:
    """Brightness up to 0.5 more or less, saturation between 0 and 2, contrast between 0.5 and 1.5."""
    brightness, saturation, contrast = torch.rand(3, len(x), 1, 1, 1, dtype=x.dtype, device=x.device)
    x = x + (brightness - 0.5)
    grey = x.mean(1, keepdim=True)
    x = (x - grey) * (2 * saturation) + grey
    mean = x.mean((1, 2, 3), keepdim=True)
    return (x - mean) * (contrast + 0.5) + mean


def translate(x: Tensor, share: float) -> Tensor:
    """Pictures (N, C, H, W) shifted by whole pixels, blank where they came from."""
    x = F.pad(x, (1, 1, 1, 1))
    for axis in (2, 3):
        size = x.shape[axis] - 2
        most = int(share * size)
        shift = torch.randint(-most, most + 1, (len(x), 1), device=x.device)
        rows = (torch.arange(size, device=x.device) + shift + 1).clamp_(0, size + 1)
        x = torch.take_along_dim(x, rows.view(len(x), 1, *((-1, 1) if axis == 2 else (1, -1))), axis)
    return x


def cut_out(x: Tensor, share: float) -> Tensor:
    """Pictures (N, C, H, W) with one rectangle blanked, which may lie partly outside."""
    inside = []
    for size in x.shape[2:]:
        side = int(share * size)
        centre = torch.randint(0, size + (1 - side % 2), (len(x), 1), device=x.device)
        place = torch.arange(size, device=x.device) - centre + side // 2
        inside.append((place >= 0) & (place < side))
    blank = inside[0][:, None, :, None] & inside[1][:, None, None, :]
    return x.masked_fill(blank, 0.0)
