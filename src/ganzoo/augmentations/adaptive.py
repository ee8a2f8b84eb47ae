"""Adaptive augmentation: stronger while D overfits (Karras et al., 2020, arXiv:2006.06676)."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganzoo.options import PositiveInt, Probability
from ganzoo.spec import DataSpec


class Adaptive(nn.Module):
    """Changes whose probability D's scores of real pictures drive (Karras et al., 2020, arXiv:2006.06676).

    target: the mean sign of D's scores of real pictures that is aimed at (section 3, r_t). images: real
    pictures in which the probability p goes from 0 to 1. every_steps: how often it is adjusted. start: p at
    the beginning. blit, geometry, color: which groups of changes there are (appendix B). Pictures are
    sampled bilinearly, where the paper filters with wavelets.
    """

    p: Tensor
    signs: Tensor
    turns: Tensor
    seen: Tensor

    def __init__(
        self,
        spec: DataSpec,
        *,
        target: Probability = 0.6,
        images: PositiveInt = 500_000,
        every_steps: PositiveInt = 4,
        start: Probability = 0.0,
        blit: bool = True,
        geometry: bool = True,
        color: bool = True,
    ) -> None:
        super().__init__()
        if not spec.is_image:
            raise ValueError(f"it changes pictures and the data are {spec.shape_text}")
        self.target, self.images, self.every_steps = target, images, every_steps
        self.blit, self.geometry, self.color = blit, geometry, color
        low, high = spec.value_range or (-1.0, 1.0)
        self.middle, self.reach = (low + high) / 2, (high - low) / 2
        self.register_buffer("p", torch.tensor(start))
        for name in ("signs", "turns", "seen"):  # since the last adjustment
            self.register_buffer(name, torch.tensor(0.0))

    def forward(self, x: Tensor) -> Tensor:
        x = (x - self.middle) / self.reach
        if self.blit or self.geometry:
            x = move(x, self.p, self.blit, self.geometry)
        if self.color:
            x = recolor(x, self.p)
        return x * self.reach + self.middle

    @torch.no_grad()
    def observe(self, real_scores: Tensor) -> None:
        """Adjust p after every so many turns of D; all on the device, so that nothing waits."""
        self.signs += real_scores.sign().mean()
        self.turns += 1
        self.seen += len(real_scores)
        is_due = self.turns >= self.every_steps
        change = (self.signs / self.turns - self.target).sign() * self.seen / self.images
        self.p.copy_(torch.where(is_due, self.p + change, self.p).clamp(0, 1))
        for since in (self.signs, self.turns, self.seen):
            since.mul_(~is_due)


def move(x: Tensor, p: Tensor, blit: bool, geometry: bool) -> Tensor:
    """Flips, turns, shifts, scales and stretches of pictures (N, C, H, W), each with probability p."""
    height, width = x.shape[2:]
    inverse = torch.eye(3, dtype=x.dtype, device=x.device).expand(len(x), 3, 3)
    is_moved = torch.zeros(len(x), dtype=torch.bool, device=x.device)
    # Each matrix leads from a place in the new picture to one in the old, in pixels from the centre.
    for matrix, chosen in [*(blits(x, p) if blit else ()), *(warps(x, p) if geometry else ())]:
        inverse = torch.where(chosen[:, None, None], inverse @ matrix, inverse)
        is_moved |= chosen
    scale = torch.tensor([width / 2, height / 2, 1], dtype=x.dtype, device=x.device)
    theta = (inverse * scale / scale[:, None])[:, :2]  # affine_grid counts sides from -1 to 1
    grid = F.affine_grid(theta, list(x.shape), align_corners=False)
    moved = F.grid_sample(x, grid, padding_mode="reflection", align_corners=False)
    return torch.where(is_moved[:, None, None, None], moved, x)


Change = tuple[Tensor, Tensor]  # what happens, (N, 3, 3), and to which pictures, (N,)


def blits(x: Tensor, p: Tensor) -> list[Change]:
    """Mirrored, turned by right angles and shifted by up to an eighth of a side, in whole pixels."""
    height, width = x.shape[2:]
    sides = torch.tensor([width, height], dtype=x.dtype, device=x.device)
    flip = 1 - 2 * torch.randint(2, (len(x),), device=x.device)
    angle = torch.randint(4, (len(x),), device=x.device).to(x) * (math.pi / 2)
    shift = ((_uniform(x, 2) * 2 - 1) * 0.125 * sides).round()
    return [
        (scaling(flip.to(x), torch.ones_like(flip).to(x)), _chosen(x, p)),
        (rotation(angle), _chosen(x, p)),
        (translation(shift), _chosen(x, p)),
    ]


def warps(x: Tensor, p: Tensor) -> list[Change]:
    """Scaled, turned, stretched, turned and shifted by any amount, with the paper's spreads."""
    height, width = x.shape[2:]
    sides = torch.tensor([width, height], dtype=x.dtype, device=x.device)
    scale, stretch = (torch.exp2(0.2 * torch.randn_like(x[:, 0, 0, 0])) for _ in range(2))
    before, after = ((_uniform(x, 1)[:, 0] * 2 - 1) * math.pi for _ in range(2))
    shift = 0.125 * torch.randn(len(x), 2, dtype=x.dtype, device=x.device) * sides
    either = 1 - (1 - p).sqrt()  # one of two rotations happens with probability p
    return [
        (scaling(1 / scale, 1 / scale), _chosen(x, p)),
        (rotation(before), _chosen(x, either)),
        (scaling(1 / stretch, stretch), _chosen(x, p)),
        (rotation(after), _chosen(x, either)),
        (translation(shift), _chosen(x, p)),
    ]


def recolor(x: Tensor, p: Tensor) -> Tensor:
    """Brightness, contrast, inverted luma, hue (of RGB) and saturation, each with probability p."""
    channels = x.shape[1]
    eye = torch.eye(channels, dtype=x.dtype, device=x.device)
    luma = torch.full((channels, channels), 1 / channels, dtype=x.dtype, device=x.device)
    brightness = 0.2 * torch.randn_like(x[:, 0, 0, 0])
    x = torch.where(_wide(_chosen(x, p)), x + _wide(brightness), x)
    contrast = torch.exp2(0.5 * torch.randn_like(brightness))
    changes = [contrast[:, None, None] * eye, (eye - 2 * luma * _coin(x)[:, None, None])]
    if channels > 1:
        if channels == 3:
            changes.append(hue_rotation((_uniform(x, 1)[:, 0] * 2 - 1) * math.pi))
        saturation = torch.exp2(torch.randn_like(brightness))
        changes.append(luma + (eye - luma) * saturation[:, None, None])
    matrix = eye.expand(len(x), channels, channels)
    for change in changes:
        matrix = torch.where(_chosen(x, p)[:, None, None], change @ matrix, matrix)
    return torch.einsum("nij,njhw->nihw", matrix, x)


def hue_rotation(angle: Tensor) -> Tensor:
    """Rotations (N, 3, 3) of colours about the grey axis (Rodrigues' formula)."""
    cross = torch.tensor([[0.0, -1, 1], [1, 0, -1], [-1, 1, 0]], dtype=angle.dtype, device=angle.device)
    cross = cross / math.sqrt(3)
    eye = torch.eye(3, dtype=angle.dtype, device=angle.device)
    angle = angle[:, None, None]
    return eye + angle.sin() * cross + (1 - angle.cos()) * (cross @ cross)


def scaling(across: Tensor, down: Tensor) -> Tensor:
    """Matrices (N, 3, 3) that scale points of the plane."""
    return torch.diag_embed(torch.stack((across, down, torch.ones_like(down)), 1))


def rotation(angle: Tensor) -> Tensor:
    """Matrices (N, 3, 3) that turn points of the plane."""
    sin, cos, zero = angle.sin(), angle.cos(), torch.zeros_like(angle)
    rows = (cos, -sin, zero, sin, cos, zero, zero, zero, zero + 1)
    return torch.stack(rows, 1).view(-1, 3, 3)


def translation(shift: Tensor) -> Tensor:
    """Matrices (N, 3, 3) that move points of the plane by (N, 2)."""
    eye = torch.eye(3, dtype=shift.dtype, device=shift.device)
    return eye + F.pad(shift[:, :, None], (2, 0, 0, 1))


def _chosen(x: Tensor, p: Tensor) -> Tensor:
    return torch.rand(len(x), device=x.device) < p


def _coin(x: Tensor) -> Tensor:
    return torch.randint(2, (len(x),), device=x.device).to(x)


def _uniform(x: Tensor, numbers: int) -> Tensor:
    return torch.rand(len(x), numbers, dtype=x.dtype, device=x.device)


def _wide(values: Tensor) -> Tensor:
    return values[:, None, None, None]
