"""Things that people make, each drawn with a pen whose unit is the thing's height."""

import math

from domicile_engines.models.procedural_sketch.canvas import Pen
from domicile_engines.models.procedural_sketch.colours import NAMED, Colour, Palette, darker, lighter, mix

_INK: Colour = (44, 42, 50)
_GLOW: Colour = (255, 214, 120)


def draw_house(pen: Pen, colour: Colour, palette: Palette) -> None:
    """Two walls in perspective, a roof, lit windows at night."""
    wall, roof = palette.lit(colour), palette.lit((150, 72, 58) if colour != NAMED["red"] else (92, 84, 88))
    pane = (
        _GLOW if palette.is_night or palette.near[2] > palette.near[1] else mix((150, 196, 224), palette.sky_low, 0.4)
    )
    pen.shadow(0.62)
    pen.box(0.30, 0.72, 0.40, 1.02, darker(roof, 0.25))
    pen.polygon([(-0.50, 0), (-0.16, 0), (-0.16, 0.50), (-0.33, 0.86), (-0.50, 0.50)], lighter(wall, 0.10))
    pen.box(-0.16, 0, 0.54, 0.50, darker(wall, 0.12))
    pen.polygon([(-0.20, 0.47), (0.60, 0.47), (0.43, 0.90), (-0.35, 0.90)], roof)
    pen.polygon(
        [(-0.33, 0.92), (-0.57, 0.44), (-0.50, 0.42), (-0.33, 0.77), (-0.17, 0.45), (-0.13, 0.46)], darker(roof, 0.22)
    )
    for row in range(3):
        pen.curve(
            [(-0.24 - row * 0.04, 0.57 + row * 0.11), (0.56 - row * 0.045, 0.57 + row * 0.11)],
            darker(roof, 0.14),
            0.008,
        )
    pen.box(-0.39, 0, -0.27, 0.27, darker(wall, 0.62))
    pen.ellipse(-0.295, 0.13, 0.010, 0.012, _GLOW)
    pen.ellipse(-0.33, 0.52, 0.05, 0.055, (250, 248, 240))
    pen.ellipse(-0.33, 0.52, 0.038, 0.042, pane)
    for x in (-0.04, 0.26):
        pen.box(x - 0.012, 0.138, x + 0.172, 0.362, (250, 248, 240))
        pen.box(x, 0.15, x + 0.16, 0.35, pane)
        pen.box(x + 0.073, 0.15, x + 0.087, 0.35, (250, 248, 240))
        pen.box(x, 0.243, x + 0.16, 0.257, (250, 248, 240))


def draw_castle(pen: Pen, colour: Colour, palette: Palette) -> None:
    """Four towers, a gate, flags."""
    stone = palette.lit(colour)
    pane = _GLOW if palette.is_night else darker(stone, 0.6)
    pen.shadow(0.62, 0.16)
    for x, top, width in ((-0.34, 0.72, 0.11), (0.34, 0.72, 0.11), (0.0, 0.86, 0.14)):
        _tower(pen, x, top, width, darker(stone, 0.06), palette, pane)
    pen.box(-0.52, 0, 0.52, 0.40, stone)
    _battlements(pen, -0.52, 0.52, 0.40, stone, 13)
    for x in (-0.56, 0.56):
        _tower(pen, x, 0.56, 0.12, lighter(stone, 0.05), palette, pane)
    pen.box(-0.11, 0, 0.11, 0.20, darker(stone, 0.65))
    pen.ellipse(0, 0.20, 0.11, 0.11, darker(stone, 0.65))
    for x in (-0.30, -0.20, 0.20, 0.30):
        pen.box(x - 0.018, 0.18, x + 0.018, 0.28, pane)


def _tower(pen: Pen, x: float, top: float, width: float, stone: Colour, palette: Palette, pane: Colour) -> None:
    pen.box(x - width, 0, x + width, top, stone)
    pen.box(x + width * 0.35, 0, x + width, top, darker(stone, 0.16))
    roof = palette.lit((86, 102, 150))
    pen.polygon([(x - width * 1.25, top), (x + width * 1.25, top), (x, top + width * 1.9)], roof)
    pen.polygon([(x + width * 0.3, top), (x + width * 1.25, top), (x, top + width * 1.9)], darker(roof, 0.22))
    pen.box(x - 0.02, top - 0.16, x + 0.02, top - 0.07, pane)
    pole = top + width * 1.9
    pen.curve([(x, pole - 0.01), (x, pole + 0.09)], _INK, 0.008)
    pen.polygon([(x, pole + 0.09), (x + 0.10, pole + 0.065), (x, pole + 0.04)], NAMED["red"])


def _battlements(pen: Pen, left: float, right: float, top: float, stone: Colour, count: int) -> None:
    step = (right - left) / count
    for index in range(0, count, 2):
        pen.box(left + index * step, top, left + (index + 1) * step, top + 0.05, stone)


def draw_lighthouse(pen: Pen, colour: Colour, palette: Palette) -> None:
    """Striped, on a rock, its beam lit in the dark."""
    band = palette.lit(colour if colour != NAMED["white"] else NAMED["red"])
    white = palette.lit((248, 246, 240))
    pen.blob(
        [(-0.42, -0.06), (-0.26, 0.06), (0, 0.09), (0.24, 0.06), (0.44, -0.06), (0, -0.10)], palette.lit((92, 88, 90))
    )
    if palette.is_night or palette.sky_top[2] < 140:
        for reach, opacity in ((1.0, 0.10), (0.6, 0.14)):
            pen.polygon(
                [(0, 0.86), (-2.6 * reach, 0.86 + 0.5 * reach), (-2.6 * reach, 0.86 - 0.1 * reach)], _GLOW, opacity
            )
    for index in range(5):
        low, high = 0.05 + index * 0.145, 0.05 + (index + 1) * 0.145
        wide, narrow = 0.15 - index * 0.013, 0.15 - (index + 1) * 0.013
        shade = white if index % 2 else band
        pen.polygon([(-wide, low), (wide, low), (narrow, high), (-narrow, high)], shade)
        pen.polygon([(wide * 0.3, low), (wide, low), (narrow, high), (narrow * 0.3, high)], darker(shade, 0.16))
    pen.box(-0.115, 0.775, 0.115, 0.80, _INK)
    pen.box(-0.065, 0.80, 0.065, 0.905, _GLOW)
    for x in (-0.065, 0, 0.06):
        pen.box(x - 0.004, 0.80, x + 0.004, 0.905, _INK)
    pen.polygon([(-0.09, 0.90), (0.09, 0.90), (0, 1.0)], darker(band, 0.2))
    pen.canvas.glow(pen.at(0, 0.855), pen.height * 0.20, _GLOW, 0.8)


def draw_windmill(pen: Pen, colour: Colour, palette: Palette) -> None:
    """Four sails."""
    wall = palette.lit(colour)
    pen.shadow(0.30)
    pen.polygon([(-0.20, 0), (0.20, 0), (0.11, 0.62), (-0.11, 0.62)], wall)
    pen.polygon([(0.06, 0), (0.20, 0), (0.11, 0.62), (0.03, 0.62)], darker(wall, 0.18))
    pen.blob([(-0.14, 0.61), (-0.09, 0.74), (0.09, 0.74), (0.14, 0.61)], palette.lit((128, 70, 56)))
    pen.box(-0.05, 0, 0.05, 0.16, darker(wall, 0.6))
    turn = pen.chance.uniform(0.2, 1.2)
    for index in range(4):
        angle = turn + index * math.pi / 2
        dx, dy = math.cos(angle) * 0.40, math.sin(angle) * 0.40
        side = (-dy * 0.26, dx * 0.26)
        pen.polygon([(dx * 0.16, 0.66 + dy * 0.16), (dx, 0.66 + dy), (dx + side[0], 0.66 + dy + side[1]),
                     (dx * 0.16 + side[0], 0.66 + dy * 0.16 + side[1])], (248, 244, 232), 0.92)  # fmt: skip
        pen.curve([(0, 0.66), (dx, 0.66 + dy)], palette.lit((96, 70, 52)), 0.018)
    pen.ellipse(0, 0.66, 0.03, 0.03, _INK)


def draw_pyramid(pen: Pen, colour: Colour, palette: Palette) -> None:
    """Two of its sides, and its courses of stone."""
    stone = palette.lit(mix(colour, (226, 190, 130), 0.6))
    pen.polygon([(-0.95, 0), (0.25, -0.06), (0, 1.0)], stone)
    pen.polygon([(0.25, -0.06), (0.95, 0.04), (0, 1.0)], darker(stone, 0.26))
    for course in range(1, 9):
        share = course / 9
        left, edge, right = -0.95 * (1 - share), 0.25 * (1 - share), 0.95 * (1 - share)
        pen.curve([(left, share), (edge, share - 0.06 * (1 - share))], darker(stone, 0.10), 0.006)
        pen.curve([(edge, share - 0.06 * (1 - share)), (right, share + 0.04 * (1 - share))], darker(stone, 0.34), 0.006)


def draw_tent(pen: Pen, colour: Colour, palette: Palette) -> None:
    """With its door open."""
    cloth = palette.lit(colour)
    pen.shadow(0.85)
    pen.polygon([(-0.80, 0), (0.30, 0), (-0.10, 0.95)], cloth)
    pen.polygon([(0.30, 0), (0.92, 0), (0.42, 0.90), (-0.10, 0.95)], darker(cloth, 0.22))
    pen.polygon([(-0.48, 0), (-0.02, 0), (-0.14, 0.72)], _GLOW if palette.is_night else darker(cloth, 0.6))


def draw_boat(pen: Pen, colour: Colour, palette: Palette) -> None:
    """Two sails, and a little of the boat in the water."""
    hull = palette.lit(colour)
    sail = palette.lit((252, 248, 238))
    pen.ellipse(0, 0.0, 0.55, 0.035, lighter(palette.water, 0.4), 0.5)
    pen.polygon([(-0.03, 0.14), (-0.03, 0.98), (0.0, 0.98), (0.0, 0.14)], palette.lit((112, 82, 60)))
    pen.blob([(0.02, 0.20), (0.03, 0.94), (0.22, 0.58), (0.44, 0.22)], sail)
    pen.blob([(-0.06, 0.22), (-0.06, 0.86), (-0.22, 0.52), (-0.36, 0.23)], darker(sail, 0.10))
    pen.polygon([(-0.46, 0.16), (0.52, 0.16), (0.36, 0.0), (-0.34, 0.0)], hull)
    pen.polygon([(-0.455, 0.16), (0.52, 0.16), (0.49, 0.125), (-0.44, 0.125)], lighter(hull, 0.5))
    pen.polygon([(-0.03, 0.98), (-0.16, 0.955), (-0.03, 0.93)], NAMED["red"])
    for index in range(3):
        pen.ellipse(0, -0.05 - index * 0.06, 0.40 - index * 0.1, 0.016, mix(hull, palette.water, 0.4), 0.5)


def draw_car(pen: Pen, colour: Colour, palette: Palette) -> None:
    """From the side."""
    body = palette.lit(colour)
    glass = mix((176, 210, 230), palette.sky_low, 0.4)
    pen.shadow(1.25)
    pen.blob([(-0.72, 0.52), (-0.48, 0.92), (-0.1, 1.0), (0.32, 0.96), (0.66, 0.54)], body)
    pen.polygon([(-0.56, 0.56), (-0.40, 0.86), (-0.06, 0.91), (-0.06, 0.56)], glass)
    pen.polygon([(0.02, 0.56), (0.02, 0.91), (0.28, 0.87), (0.52, 0.56)], glass)
    pen.blob(
        [
            (-1.25, 0.22),
            (-1.22, 0.50),
            (-0.70, 0.60),
            (0.66, 0.60),
            (1.16, 0.48),
            (1.24, 0.22),
            (0.9, 0.15),
            (-0.9, 0.15),
        ],
        body,
    )
    pen.box(-1.18, 0.16, 1.18, 0.26, darker(body, 0.3))
    for x in (-0.70, 0.70):
        pen.ellipse(x, 0.20, 0.24, 0.24, _INK)
        pen.ellipse(x, 0.20, 0.12, 0.12, (186, 190, 196))
    pen.ellipse(1.14, 0.42, 0.07, 0.06, (255, 240, 190))
    pen.ellipse(-1.17, 0.42, 0.05, 0.06, NAMED["red"])
    pen.box(-0.02, 0.44, 0.10, 0.47, darker(body, 0.4))


def draw_balloon(pen: Pen, colour: Colour, palette: Palette) -> None:
    """A hot-air balloon in gores of two colours."""
    first, second = palette.lit(colour), palette.lit(lighter(colour, 0.62))
    outline = [
        (0, 0.26),
        (-0.20, 0.42),
        (-0.35, 0.66),
        (-0.28, 0.90),
        (0, 1.0),
        (0.28, 0.90),
        (0.35, 0.66),
        (0.20, 0.42),
    ]
    for index, share in enumerate((1.0, 0.74, 0.44, 0.15)):
        shade = first if index % 2 == 0 else second
        pen.blob([(x * share, y) for x, y in outline], shade)
    pen.blob(
        [(0.02, 0.27), (0.20, 0.42), (0.35, 0.66), (0.28, 0.90), (0.10, 0.985), (0.24, 0.66)], darker(first, 0.5), 0.22
    )
    for x in (-0.06, 0.06):
        pen.curve([(x * 0.7, 0.12), (x * 1.6, 0.30)], _INK, 0.006)
    pen.polygon([(-0.07, 0.13), (0.07, 0.13), (0.055, 0.02), (-0.055, 0.02)], palette.lit((142, 98, 60)))
    pen.box(-0.075, 0.115, 0.075, 0.14, palette.lit((110, 74, 46)))


def draw_rocket(pen: Pen, colour: Colour, palette: Palette) -> None:
    """Rising on its flame."""
    body = mix((240, 242, 246), palette.light, 0.08)
    pen.canvas.glow(pen.at(0, 0.05), pen.height * 0.5, (255, 180, 80), 0.6)
    pen.blob([(-0.10, 0.20), (-0.07, 0.02), (0, -0.20), (0.07, 0.02), (0.10, 0.20)], (250, 150, 50))
    pen.blob([(-0.05, 0.20), (-0.03, 0.08), (0, -0.04), (0.03, 0.08), (0.05, 0.20)], (255, 236, 150))
    for side in (-1, 1):
        pen.polygon(
            [(side * 0.12, 0.46), (side * 0.29, 0.26), (side * 0.27, 0.12), (side * 0.12, 0.22)], darker(colour, 0.12)
        )
    pen.blob([(-0.12, 0.18), (-0.155, 0.50), (-0.10, 0.80), (0, 1.0), (0.10, 0.80), (0.155, 0.50), (0.12, 0.18)], body)
    pen.blob(
        [(0.03, 0.18), (0.07, 0.50), (0.04, 0.80), (0, 1.0), (0.10, 0.80), (0.155, 0.50), (0.12, 0.18)],
        darker(body, 0.16),
    )
    pen.blob([(-0.105, 0.79), (-0.05, 0.92), (0, 1.0), (0.05, 0.92), (0.105, 0.79), (0, 0.77)], colour)
    pen.ellipse(0, 0.60, 0.07, 0.07, darker(body, 0.4))
    pen.ellipse(0, 0.60, 0.052, 0.052, (110, 170, 214))


def draw_plane(pen: Pen, colour: Colour, palette: Palette) -> None:
    """In flight."""
    body = palette.lit(colour)
    pen.polygon([(0.85, 0.55), (1.12, 1.0), (1.28, 1.0), (1.18, 0.5)], darker(body, 0.15))
    pen.blob([(-1.2, 0.45), (-0.95, 0.62), (0.4, 0.66), (1.25, 0.56), (1.2, 0.48), (0.4, 0.30), (-0.95, 0.28)], body)
    pen.polygon([(-0.20, 0.44), (0.35, 0.44), (0.85, -0.1), (0.60, -0.1)], darker(body, 0.28))
    for index in range(7):
        pen.ellipse(-0.6 + index * 0.18, 0.50, 0.04, 0.045, (90, 140, 190))
    pen.blob([(-1.08, 0.50), (-0.95, 0.58), (-0.82, 0.56), (-0.90, 0.48)], (90, 140, 190))


def draw_planet(pen: Pen, colour: Colour, _palette: Palette) -> None:
    """With a ring, lit from one side."""
    pen.canvas.glow(pen.at(0, 0.5), pen.height * 0.85, lighter(colour, 0.2), 0.35)
    pen.ellipse(0, 0.5, 0.46, 0.46, darker(colour, 0.35))
    for share in (0.94, 0.86, 0.76):
        pen.ellipse(
            -0.46 * (1 - share),
            0.5 + 0.46 * (1 - share),
            0.46 * share,
            0.46 * share,
            mix(darker(colour, 0.25), colour, (1 - share) * 4),
        )
    for y, width in ((0.66, 0.30), (0.52, 0.38), (0.38, 0.32)):
        pen.blob([(-width, y), (0, y + 0.028), (width * 0.9, y), (0, y - 0.02)], lighter(colour, 0.25), 0.5)
    for reach, shade in ((0.80, 0.45), (0.70, 0.25)):
        arc = [(math.cos(a) * reach, 0.5 + math.sin(a) * reach * 0.22 - math.cos(a) * 0.12) for a in
               (math.pi + step / 24 * math.pi for step in range(25))]  # fmt: skip
        pen.curve(arc, lighter(colour, shade), 0.035)


def draw_lamp(pen: Pen, _colour: Colour, palette: Palette) -> None:
    """A street lamp."""
    pen.shadow(0.10)
    pen.box(-0.014, 0, 0.014, 0.84, _INK)
    pen.box(-0.05, 0, 0.05, 0.03, _INK)
    pen.polygon([(-0.045, 0.84), (0.045, 0.84), (0.07, 0.97), (-0.07, 0.97)], _GLOW)
    pen.polygon([(-0.09, 0.96), (0.09, 0.96), (0, 1.02)], _INK)
    pen.canvas.glow(pen.at(0, 0.90), pen.height * (0.5 if palette.is_night else 0.2), _GLOW, 0.75)


def draw_cup(pen: Pen, colour: Colour, palette: Palette) -> None:
    """Steaming."""
    china = palette.lit(colour)
    pen.shadow(0.66)
    pen.ellipse(0, 0.03, 0.62, 0.085, lighter(china, 0.3))
    pen.curve([(0.36, 0.52), (0.60, 0.50), (0.56, 0.26), (0.30, 0.20)], china, 0.075)
    pen.blob([(-0.44, 0.60), (-0.40, 0.26), (-0.22, 0.06), (0.22, 0.06), (0.40, 0.26), (0.44, 0.60)], china)
    pen.blob([(0.12, 0.58), (0.14, 0.30), (0.06, 0.07), (0.22, 0.06), (0.40, 0.26), (0.43, 0.58)], darker(china, 0.14))
    pen.ellipse(0, 0.60, 0.44, 0.09, lighter(china, 0.35))
    pen.ellipse(0, 0.595, 0.38, 0.066, (92, 58, 40))
    for x in (-0.14, 0.02, 0.17):
        pen.curve([(x, 0.70), (x + 0.05, 0.80), (x - 0.03, 0.90), (x + 0.03, 1.02)], (255, 255, 255), 0.024, 0.45)


def draw_vase(pen: Pen, colour: Colour, palette: Palette) -> None:
    """With five flowers."""
    china = palette.lit(colour)
    pen.shadow(0.28)
    stems = (
        ("red", -0.26, 0.80),
        ("yellow", 0.24, 0.84),
        ("pink", -0.10, 0.94),
        ("white", 0.10, 0.74),
        ("purple", 0.02, 0.88),
    )
    for name, x, y in stems:
        pen.curve([(0, 0.42), (x * 0.6, 0.6), (x, y)], (82, 132, 76), 0.016)
        for index in range(7):
            angle = index / 7 * 2 * math.pi
            pen.ellipse(x + math.cos(angle) * 0.06, y + math.sin(angle) * 0.06, 0.045, 0.045, palette.lit(NAMED[name]))
        pen.ellipse(x, y, 0.035, 0.035, (246, 206, 90))
    pen.blob(
        [
            (-0.10, 0.46),
            (-0.11, 0.40),
            (-0.21, 0.22),
            (-0.13, 0.02),
            (0.13, 0.02),
            (0.21, 0.22),
            (0.11, 0.40),
            (0.10, 0.46),
        ],
        china,
    )
    pen.blob([(0.05, 0.44), (0.12, 0.22), (0.06, 0.03), (0.13, 0.02), (0.21, 0.22), (0.11, 0.40)], darker(china, 0.18))
    pen.blob([(-0.15, 0.25), (-0.11, 0.34), (-0.09, 0.24), (-0.12, 0.14)], lighter(china, 0.5), 0.7)


def draw_apple(pen: Pen, colour: Colour, palette: Palette) -> None:
    """With a leaf."""
    skin = palette.lit(colour)
    pen.shadow(0.42)
    pen.blob(
        [
            (0, 0.76),
            (-0.26, 0.84),
            (-0.46, 0.62),
            (-0.42, 0.24),
            (-0.18, 0.0),
            (0, 0.04),
            (0.18, 0.0),
            (0.42, 0.24),
            (0.46, 0.62),
            (0.26, 0.84),
        ],
        skin,
    )
    pen.blob([(0.12, 0.78), (0.28, 0.50), (0.16, 0.06), (0.42, 0.24), (0.46, 0.62), (0.28, 0.82)], darker(skin, 0.16))
    pen.ellipse(-0.24, 0.58, 0.07, 0.11, lighter(skin, 0.55), 0.8)
    pen.curve([(0, 0.76), (0.02, 0.90), (0.08, 0.98)], (96, 66, 44), 0.04)
    pen.blob([(0.05, 0.88), (0.22, 1.0), (0.36, 0.92), (0.20, 0.84)], (92, 156, 78))


def draw_book(pen: Pen, colour: Colour, palette: Palette) -> None:
    """Lying, closed."""
    cover = palette.lit(colour)
    pen.shadow(0.95)
    pen.polygon([(-0.90, 0.10), (0.60, 0.10), (0.95, 0.42), (-0.50, 0.42)], darker(cover, 0.35))
    pen.polygon([(-0.86, 0.16), (0.60, 0.16), (0.60, 0.42), (-0.86, 0.42)], (246, 240, 224))
    for index in range(4):
        pen.box(-0.86, 0.20 + index * 0.055, 0.60, 0.208 + index * 0.055, (214, 206, 188))
    pen.polygon([(0.60, 0.16), (0.95, 0.48), (0.95, 0.72), (0.60, 0.42)], (226, 218, 198))
    pen.polygon([(-0.90, 0.44), (0.62, 0.44), (0.97, 0.76), (-0.52, 0.76)], cover)
    pen.polygon([(-0.36, 0.54), (0.40, 0.54), (0.52, 0.66), (-0.22, 0.66)], lighter(cover, 0.5))


def draw_umbrella(pen: Pen, colour: Colour, palette: Palette) -> None:
    """Open, stuck into the ground."""
    cloth = palette.lit(colour)
    pen.shadow(0.40)
    pen.box(-0.012, 0, 0.012, 0.94, palette.lit((120, 88, 60)))
    outline = [(-0.56, 0.60), (-0.40, 0.82), (0, 0.98), (0.40, 0.82), (0.56, 0.60)]
    for index, share in enumerate((1.0, 0.62, 0.24)):
        pen.polygon([(x * share, y) for x, y in outline], cloth if index % 2 == 0 else lighter(cloth, 0.6))
