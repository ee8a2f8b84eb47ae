"""Grids of pictures, pixel by pixel, and the text around them."""

import io
import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

Pixels = NDArray[np.uint8]

GAP = 4
WIDTH = 640
LARGEST_SCALE = 4
TEXT_SIZE = 15
LINE = 21
INK = "#222222"


def grid(
    images: Tensor,
    value_range: tuple[float, float] | None,
    columns: int | None = None,
    *,
    stretch: bool = False,
    scale: int | None = None,
    padding: int = GAP,
) -> Pixels:
    """Pictures (N, C, H, W) beside each other on white, as pixels (height, width, 1, 3 or 4).

    columns: None for a near-square grid; a last row may stay incomplete. stretch: to the smallest and largest
    value of these pictures instead of value_range. scale: every pixel becomes so many squared; None for what
    reads well. padding: white pixels around each picture.
    Of two channels the first is shown, of five and more the first three.
    """
    tiles = to_uint8(images, value_range, stretch=stretch)
    count, height, width, channels = tiles.shape
    columns = min(columns or near_square(count), count)
    scale = scale or min(max(WIDTH // (columns * (width + padding)), 1), LARGEST_SCALE)
    tiles = tiles.repeat(scale, axis=1).repeat(scale, axis=2)
    down, across = height * scale + padding, width * scale + padding
    shape = (-(-count // columns) * down + padding, columns * across + padding, channels)
    canvas = np.full(shape, 255, np.uint8)
    for index, tile in enumerate(tiles):
        top, left = padding + index // columns * down, padding + index % columns * across
        canvas[top : top + height * scale, left : left + width * scale] = tile
    return canvas


def to_uint8(images: Tensor, value_range: tuple[float, float] | None, *, stretch: bool = False) -> Pixels:
    """Pictures (N, C, H, W) as pixels (N, H, W, 1, 3 or 4); NaN becomes the smallest value."""
    channels = images.shape[1]
    shown = images[:, : channels if channels in (1, 3, 4) else 1 if channels == 2 else 3].double().cpu()
    finite = shown[shown.isfinite()]
    if (stretch or value_range is None) and finite.numel() and finite.min() < finite.max():
        low, high = finite.min().item(), finite.max().item()
    else:
        low, high = value_range or (0.0, 1.0)
    unit = ((shown - low) / (high - low)).nan_to_num(0.0, 1.0, 0.0).clamp(0, 1)
    pixels: Pixels = (unit * 255).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous().numpy()
    return pixels


def near_square(count: int) -> int:
    """Columns of a grid at least as wide as high; its last row is full where twice the columns allow that."""
    least = math.ceil(math.sqrt(count))
    return next((columns for columns in range(least, 2 * least + 1) if count % columns == 0), least)


def with_caption(picture: Pixels, parts: Sequence[str]) -> Pixels:
    """The picture with text below it, in as many lines as its width asks for."""
    font = ImageFont.load_default(TEXT_SIZE)
    lines: list[str] = []
    for part in parts:
        joined = f"{lines[-1]}   {part}" if lines else part
        if lines and font.getlength(joined) <= picture.shape[1] - 2 * GAP:
            lines[-1] = joined
        else:
            lines.append(part)
    width = max([picture.shape[1], *(math.ceil(font.getlength(line)) + 2 * GAP for line in lines)])
    canvas = _canvas(picture.shape[0] + LINE * len(lines) + GAP, width, [picture])
    canvas.paste(_image(picture), (0, 0))
    draw = ImageDraw.Draw(canvas)
    for index, line in enumerate(lines):
        draw.text((GAP, picture.shape[0] + index * LINE), line, fill=INK, font=font)
    return np.asarray(canvas)


def side_by_side(pictures: Sequence[tuple[str, str, Pixels]]) -> Pixels:
    """Pictures beside each other, each (title, colour of the title, pixels) with its title above."""
    font, space, top = ImageFont.load_default(TEXT_SIZE + 3), 6 * GAP, LINE + 2 * GAP
    shapes = [pixels.shape for _, _, pixels in pictures]
    width = sum(shape[1] for shape in shapes) + space * (len(pictures) - 1)
    canvas = _canvas(max(shape[0] for shape in shapes) + top, width, [pixels for _, _, pixels in pictures])
    draw, left = ImageDraw.Draw(canvas), 0
    for title, colour, pixels in pictures:
        draw.text((left + GAP, GAP), title, fill=colour, font=font)
        canvas.paste(_image(pixels), (left, top))
        left += pixels.shape[1] + space
    return np.asarray(canvas)


def png(picture: Pixels) -> bytes:
    """Pixels (height, width, 1, 3 or 4) as the content of a PNG file."""
    buffer = io.BytesIO()
    _image(picture).save(buffer, "PNG")
    return buffer.getvalue()


def _canvas(height: int, width: int, pictures: Sequence[Pixels]) -> Image.Image:
    return Image.new("RGBA" if any(p.shape[2] == 4 for p in pictures) else "RGB", (width, height), "white")


def _image(picture: Pixels) -> Image.Image:
    return Image.fromarray(picture[:, :, 0] if picture.shape[2] == 1 else picture)
