"""Several pictures in one: rows of equal tiles, a caption under each."""

import math
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

__all__ = ["composite"]

PAPER, INK = (255, 255, 255), (31, 36, 46)
GAP_PX = 16
TEXT_PX = 16

_WIDTH_PX = 2048
_LARGEST_TILE_PX = 768

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def composite(images: Sequence[Image.Image], captions: Sequence[str]) -> Image.Image:
    """One picture of all, in reading order, in about as many rows as columns.

    images: RGB or L, any sizes; larger ones are shrunk so that a row is at most 2048 px wide.
    captions: one each; what does not fit under its picture ends in "…".
    Returns RGB.
    Raises ValueError if there is no picture, or not one caption for each.
    """
    if not images or len(images) != len(captions):
        raise ValueError(
            f"expected one caption for each picture, got {len(captions)} for {len(images)}"
        )
    columns = math.ceil(math.sqrt(len(images)))
    longest_px = min(_LARGEST_TILE_PX, _WIDTH_PX // columns - GAP_PX)
    tiles = [_shrunk(image, longest_px) for image in images]
    tile_width = max(tile.width for tile in tiles)
    tile_height = max(tile.height for tile in tiles)
    line_px = 2 * TEXT_PX
    rows = math.ceil(len(tiles) / columns)
    sheet = Image.new(
        "RGB",
        (GAP_PX + columns * (tile_width + GAP_PX), GAP_PX + rows * (tile_height + line_px)),
        PAPER,
    )
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(size=TEXT_PX)
    for place, (tile, caption) in enumerate(zip(tiles, captions, strict=True)):
        row, column = divmod(place, columns)
        left = GAP_PX + column * (tile_width + GAP_PX)
        top = GAP_PX + row * (tile_height + line_px)
        sheet.paste(tile, (left, top))
        text = _fitted(caption, font, tile_width)
        draw.text((left, top + tile.height + TEXT_PX // 4), text, fill=INK, font=font)
    return sheet


def _shrunk(image: Image.Image, longest_px: int) -> Image.Image:
    scale = longest_px / max(image.size)
    if scale >= 1:
        return image
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    return image.resize(size, Image.Resampling.BILINEAR)


def _fitted(caption: str, font: Font, width_px: int) -> str:
    """The caption, or as much of it as fits and "…"."""
    if font.getlength(caption) <= width_px:
        return caption
    kept = caption
    while kept and font.getlength(kept + "…") > width_px:
        kept = kept[:-1]
    return kept.rstrip() + "…"
