"""Plants, each drawn with a pen whose unit is the plant's height."""

import math

from domicile_engines.models.procedural_sketch.canvas import Pen
from domicile_engines.models.procedural_sketch.colours import Colour, Palette, darker, lighter, mix

_BARK: Colour = (98, 72, 54)


def draw_tree(pen: Pen, colour: Colour, palette: Palette) -> None:
    """A broad-leaved tree: its crown is three shades of round clumps."""
    bark = palette.lit(_BARK) if not palette.is_night else mix(_BARK, palette.near, 0.6)
    pen.polygon([(-0.045, 0), (0.045, 0), (0.022, 0.5), (-0.022, 0.5)], bark)
    chance = pen.chance
    clumps = [(chance.uniform(-0.27, 0.27), chance.uniform(0.46, 0.88), chance.uniform(0.09, 0.17)) for _ in range(14)]
    side = -0.05 if pen.canvas.light_share * pen.canvas.width < pen.foot[0] else 0.05
    for shade, shift, size in (
        (darker(colour, 0.20), 0.0, 1.12),
        (darker(colour, 0.07), 0.5, 0.95),
        (lighter(colour, 0.09), 1.1, 0.62),
    ):
        for x, y, radius in clumps:
            squeeze = 1 - max(0.0, y - 0.6) * 0.9
            pen.ellipse(x * squeeze + side * shift, y + 0.03 * shift, radius * size, radius * size * 0.92, shade)


def draw_pine(pen: Pen, colour: Colour, palette: Palette) -> None:
    """A conifer in four tiers."""
    pen.box(-0.025, 0, 0.025, 0.2, mix(_BARK, colour, 0.4))
    left = pen.canvas.light_share * pen.canvas.width < pen.foot[0]
    for tier in range(4):
        low, width = 0.12 + tier * 0.20, 0.27 - tier * 0.055
        top = low + 0.34 if tier < 3 else 1.0
        pen.polygon(
            [
                (-width, low),
                (-width * 0.4, low + 0.03),
                (0, low - 0.02),
                (width * 0.4, low + 0.03),
                (width, low),
                (0, top),
            ],
            colour,
        )
        edge = width if left else -width
        pen.polygon([(edge, low), (edge * 0.4, low + 0.03), (0, low), (0, top)], darker(colour, 0.20))
    if palette.near[0] > 215 and palette.near[2] > 215:
        for tier in range(4):
            low, width = 0.12 + tier * 0.20, 0.27 - tier * 0.055
            pen.curve([(-width, low), (-width * 0.5, low + 0.11)], (248, 250, 255), 0.035)


def draw_palm(pen: Pen, colour: Colour, palette: Palette) -> None:
    """A leaning trunk and eight fronds."""
    trunk = palette.lit((142, 106, 72))
    pen.curve([(0, 0), (0.05, 0.3), (0.12, 0.6), (0.16, 0.86)], trunk, 0.045)
    for ring in range(7):
        pen.curve(
            [(0.005 + ring * 0.022, 0.1 + ring * 0.11), (0.035 + ring * 0.022, 0.1 + ring * 0.11)],
            darker(trunk, 0.3),
            0.008,
        )
    for index in range(9):
        angle = math.pi * (0.02 + index / 8 * 0.98)
        reach = 0.34 + 0.04 * (index % 2)
        tip = (0.16 + math.cos(angle) * reach, 0.80 + math.sin(angle) * reach * 0.42 - 0.10)
        middle = (0.16 + math.cos(angle) * reach * 0.55, 0.88 + math.sin(angle) * reach * 0.52)
        shade = darker(colour, 0.18) if index % 2 else lighter(colour, 0.06)
        pen.blob([(0.16, 0.86), (middle[0], middle[1] + 0.03), tip, (middle[0], middle[1] - 0.035)], shade)
    for x in (0.13, 0.19):
        pen.ellipse(x, 0.83, 0.028, 0.03, darker(trunk, 0.35))


def draw_cactus(pen: Pen, colour: Colour, palette: Palette) -> None:
    """A saguaro with two arms."""
    green = palette.lit(mix(colour, (70, 130, 84), 0.6))
    for points, width in (
        ([(0, 0), (0, 0.94)], 0.20),
        ([(0, 0.36), (-0.24, 0.40), (-0.25, 0.66)], 0.12),
        ([(0, 0.50), (0.22, 0.53), (0.24, 0.80)], 0.11),
    ):
        pen.curve(points, green, width)
        pen.curve([(x + width * 0.2, y) for x, y in points], darker(green, 0.18), width * 0.3)
    for index in range(14):
        pen.box(-0.05, 0.06 + index * 0.06, -0.025, 0.066 + index * 0.06, lighter(green, 0.5))


def draw_bush(pen: Pen, colour: Colour, palette: Palette) -> None:
    """Low and round."""
    for shade, lift in ((darker(colour, 0.2), 0.0), (palette.lit(colour), 0.16)):
        for x, y, radius in ((-0.5, 0.32, 0.34), (0, 0.45, 0.44), (0.5, 0.32, 0.34), (0.24, 0.28, 0.3)):
            pen.ellipse(x * (1 - lift), y + lift * 0.6, radius * (1 - lift), radius * (1 - lift), shade)


def draw_flower(pen: Pen, colour: Colour, palette: Palette) -> None:
    """Petals around an eye, on a stem with two leaves."""
    _stem(pen, palette)
    count = 8
    for index in range(count):
        angle = 2 * math.pi * index / count
        shade = colour if index % 2 else lighter(colour, 0.14)
        pen.ellipse(math.cos(angle) * 0.15, 0.82 + math.sin(angle) * 0.13, 0.10, 0.09, shade)
    pen.ellipse(0, 0.82, 0.085, 0.075, (246, 200, 72) if colour[1] < 190 or colour[2] > 120 else (120, 76, 40))


def draw_tulip(pen: Pen, colour: Colour, palette: Palette) -> None:
    """Three petals, closed."""
    _stem(pen, palette)
    pen.blob(
        [(-0.14, 0.98), (-0.16, 0.80), (0, 0.68), (0.16, 0.80), (0.14, 0.98), (0.05, 0.88), (0, 1.0), (-0.05, 0.88)],
        darker(colour, 0.12),
    )
    pen.blob([(0, 1.0), (-0.08, 0.82), (0, 0.69), (0.08, 0.82)], lighter(colour, 0.12))


def draw_sunflower(pen: Pen, colour: Colour, palette: Palette) -> None:
    """Two rings of petals, a brown disc."""
    _stem(pen, palette)
    for ring, reach in ((0, 0.23), (1, 0.18)):
        for index in range(16):
            angle = 2 * math.pi * (index + ring * 0.5) / 16
            x, y = math.cos(angle), math.sin(angle)
            tip = (x * reach, 0.78 + y * reach)
            side = (-y * 0.035, x * 0.035)
            base = (x * 0.08, 0.78 + y * 0.08)
            shade = darker(colour, 0.10) if ring == 0 else colour
            pen.polygon([(base[0] + side[0], base[1] + side[1]), tip, (base[0] - side[0], base[1] - side[1])], shade)
    pen.ellipse(0, 0.78, 0.115, 0.115, (96, 62, 38))
    pen.ellipse(-0.015, 0.795, 0.075, 0.075, (122, 82, 48))


def draw_mushroom(pen: Pen, colour: Colour, palette: Palette) -> None:
    """A cap with dots."""
    stalk = palette.lit((240, 228, 206))
    pen.blob([(-0.12, 0), (-0.09, 0.5), (0.09, 0.5), (0.14, 0), (0, -0.03)], stalk)
    pen.blob([(0.03, 0.02), (0.04, 0.48), (0.09, 0.48), (0.13, 0.03)], darker(stalk, 0.14))
    pen.blob([(-0.46, 0.46), (-0.34, 0.80), (0, 0.98), (0.34, 0.80), (0.46, 0.46), (0, 0.40)], colour)
    for x, y, radius in ((-0.22, 0.66, 0.07), (0.05, 0.82, 0.08), (0.25, 0.60, 0.06), (-0.02, 0.56, 0.05)):
        pen.ellipse(x, y, radius, radius * 0.85, (250, 246, 236))


def _stem(pen: Pen, palette: Palette) -> None:
    green = palette.lit(mix((70, 136, 70), palette.near, 0.25))
    lean = pen.chance.uniform(-0.05, 0.05)
    pen.curve([(lean, 0), (lean * 0.4, 0.4), (0, 0.78)], green, 0.035)
    for side in (-1, 1):
        low = 0.18 + 0.08 * side
        pen.blob(
            [(0, low), (side * 0.14, low + 0.13), (side * 0.22, low + 0.24), (side * 0.07, low + 0.18)],
            darker(green, 0.08),
        )
