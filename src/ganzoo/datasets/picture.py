"""One picture file as square uint8 pixels, whatever its mode and size."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
PIXELS_LIMIT = 2**26
MODES = {1: "L", 3: "RGB", 4: "RGBA"}


class UnreadablePicture(Exception):
    """A file that is no picture, or a damaged or outsized one; the text says why."""


@contextmanager
def guarding_memory() -> Iterator[None]:
    """Within it, Pillow refuses outsized pictures and keeps its remarks on odd files to itself.

    Enter it in the main thread: warning filters are global.
    """
    Image.init()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="PIL")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def read_picture(file: IO[bytes], size: int, channels: int) -> tuple[NDArray[np.uint8], str]:
    """Pixels (channels, size, size) of the first frame, and the mode that the file has.

    The shorter side becomes `size` and the middle is cut out; EXIF rotation is applied; transparency becomes
    white unless there are four channels. Raises UnreadablePicture.
    """
    try:
        # Only these formats: others of Pillow's start programs or fetch further files.
        with Image.open(file, formats=FORMATS) as image:
            mode = image.mode
            if image.width * image.height > PIXELS_LIMIT:
                raise UnreadablePicture(_too_large(f"{image.width} x {image.height}"))
            image.draft(None, (2 * size, 2 * size))  # a JPEG is decoded at the smallest sufficient scale
            ImageOps.exif_transpose(image, in_place=True)
            return _square(_plain(image), size, channels), mode
    except UnreadablePicture:
        raise
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise UnreadablePicture(_too_large("too many")) from error
    except UnidentifiedImageError as error:
        raise UnreadablePicture("is not a picture") from error
    except MemoryError as error:
        raise UnreadablePicture("needs more memory than there is") from error
    # Pillow's decoders raise errors of any kind on damaged files.
    except Exception as error:
        raise UnreadablePicture(f"cannot be decoded: {str(error) or type(error).__name__}"[:120]) from error


def _too_large(pixels: str) -> str:
    return f"is too large: {pixels} pixels, at most {PIXELS_LIMIT} are read"


def _plain(image: Image.Image) -> Image.Image:
    """The picture in mode L, RGB or RGBA."""
    if image.mode.startswith("I"):
        return _from_16_bits(image)
    if image.mode == "F":
        raise UnreadablePicture("holds real numbers, whose range is unknown")
    if image.has_transparency_data:
        return image.convert("RGBA")
    return image.convert("L" if image.mode in ("1", "L") else "RGB")


def _from_16_bits(image: Image.Image) -> Image.Image:
    numbers = np.asarray(image).astype(np.int64)
    if numbers.min() < 0 or numbers.max() > 65535:
        raise UnreadablePicture("holds numbers outside 0 to 65535")
    return Image.fromarray(((numbers + 128) // 257).astype(np.uint8))


def _square(image: Image.Image, size: int, channels: int) -> NDArray[np.uint8]:
    # Scaled before the background shows through: Pillow weighs colours by their opacity.
    image = ImageOps.fit(image, (size, size), Image.Resampling.LANCZOS)
    if image.mode == "RGBA" and channels != 4:
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    pixels = np.asarray(image.convert(MODES[channels]))
    return pixels.reshape(size, size, channels).transpose(2, 0, 1)
