"""Places without a horizon of hills: a city, space, under water, a room."""

import math

from domicile_engines.models.procedural_sketch.canvas import Canvas, Pen, Point
from domicile_engines.models.procedural_sketch.colours import Colour, Palette, darker, lighter, mix
from domicile_engines.models.procedural_sketch.land import Ground, draw_ridges
from domicile_engines.models.procedural_sketch.sky import draw_stars

_PANE: Colour = (255, 216, 130)
_WALLS: tuple[Colour, ...] = ((176, 120, 96), (148, 156, 170), (196, 176, 150), (112, 126, 150))


def draw_city(canvas: Canvas, palette: Palette, horizon: float, _detail: int) -> Ground:
    """Three rows of houses, the nearest with its windows, and their street."""
    chance, unit = canvas.chance, canvas.unit
    base = horizon + unit * 0.10
    dark_hour = palette.is_night or palette.sky_top[1] < 90
    for distance, tall in ((0.85, 0.50), (0.5, 0.40), (0.12, 0.30)):
        x = -unit * 0.02
        while x < canvas.width:
            width = unit * chance.uniform(0.055, 0.115)
            height = unit * tall * chance.uniform(0.45, 1.15)
            wall = palette.at_distance(palette.lit(mix(chance.choice(_WALLS), palette.far, 0.35)), distance)
            _building(canvas, (x, base), (width, height), wall)
            if distance < 0.7:
                _windows(canvas, (x, base), (width, height), wall, lit=dark_hour)
            x += width * chance.uniform(0.92, 1.1)
        haze = [((canvas.width / 2, base), (canvas.width, unit * 0.10))]
        canvas.soft(haze, palette.sky_low, 0.45 * distance, unit * 0.05)
        canvas.layer()
    pavement = palette.lit(mix((150, 148, 146), palette.near, 0.3))
    canvas.gradient(base, canvas.height, [darker(pavement, 0.1), darker(pavement, 0.35)])
    kerb = base + unit * 0.05
    canvas.box(0, kerb, canvas.width, canvas.height, darker(pavement, 0.45))
    middle = (kerb + canvas.height) / 2
    for stripe in range(12):
        left = canvas.width * stripe / 12 + unit * 0.02
        canvas.box(left, middle, left + unit * 0.07, middle + unit * 0.008, (236, 230, 210), 0.8)
    return Ground(base + unit * 0.04, canvas.height * 0.96)


def _building(canvas: Canvas, foot: Point, size: Point, wall: Colour) -> None:
    """A front with a shaded edge, and a roof: pointed, a box with an aerial, or none."""
    (x, base), (width, height) = foot, size
    top, right = base - height, x + width
    canvas.box(x, top, right, base, wall)
    canvas.box(right - width * 0.28, top, right, base, darker(wall, 0.16))
    crown = canvas.chance.randrange(4)
    if crown == 0:
        canvas.polygon([(x, top), (right, top), (x + width / 2, top - width * 0.6)], darker(wall, 0.22))
    elif crown == 1:
        canvas.box(x + width * 0.2, top - width * 0.3, x + width * 0.8, top, darker(wall, 0.1))
        aerial = [(x + width * 0.5, top - width * 0.3), (x + width * 0.5, top - width * 0.8)]
        canvas.line(aerial, darker(wall, 0.3), canvas.unit * 0.002)


def _windows(canvas: Canvas, foot: Point, size: Point, wall: Colour, *, lit: bool) -> None:
    (x, base), (width, height) = foot, size
    columns = 4
    across, down = width / columns * 0.46, canvas.unit * 0.014
    dark = darker(wall, 0.42) if lit else mix(darker(wall, 0.3), (150, 190, 220), 0.35)
    for row in range(int(height / (down * 2.0)) - 1):
        top = base - height + down * (0.9 + row * 2.0)
        for column in range(columns):
            left = x + width * (column + 0.27) / columns
            shining = canvas.chance.random() < (0.55 if lit else 0.08)
            canvas.box(left, top, left + across, top + down, _PANE if shining else dark)


def draw_space(canvas: Canvas, detail: int) -> Ground:
    """Stars, two clouds of gas, a horizon of grey ground below."""
    chance, unit = canvas.chance, canvas.unit
    canvas.gradient(0, canvas.height, [(8, 8, 26), (20, 16, 54), (34, 22, 70), (14, 14, 40)])
    for colour in (chance.choice(((150, 70, 190), (70, 110, 210))), chance.choice(((220, 90, 140), (60, 170, 190)))):
        x, y = chance.uniform(0.15, 0.85) * canvas.width, chance.uniform(0.15, 0.6) * canvas.height
        puffs = [
            ((x + chance.gauss(0, unit * 0.22), y + chance.gauss(0, unit * 0.09)), (unit * 0.13, unit * 0.07))
            for _ in range(16)
        ]
        canvas.soft(puffs, colour, 0.42, unit * 0.07)
        canvas.layer()
    draw_stars(canvas, canvas.height, 420 * detail)
    top = canvas.height * 0.86
    grey: Colour = (112, 110, 128)
    crest = [
        (canvas.width * s / 50, top + unit * (0.09 * (s / 25 - 1) ** 2 + 0.008 * math.sin(s * 1.3))) for s in range(51)
    ]
    canvas.polygon([*crest, (canvas.width, canvas.height), (0, canvas.height)], grey)
    for _ in range(16):
        x, share = chance.uniform(0, canvas.width), chance.random()
        y = canvas.height * (0.91 + 0.08 * share)
        radius = unit * (0.012 + 0.03 * share)
        canvas.ellipse((x, y), (radius, radius * 0.32), darker(grey, 0.30))
        canvas.ellipse((x, y + radius * 0.06), (radius * 0.86, radius * 0.24), darker(grey, 0.15))
    return Ground(canvas.height * 0.90, canvas.height * 0.97)


def draw_underwater(canvas: Canvas, palette: Palette, detail: int) -> Ground:
    """Rays from above, weeds and corals on the sand, bubbles."""
    chance, unit = canvas.chance, canvas.unit
    top = mix((120, 214, 224), palette.sky_middle, 0.25)
    canvas.gradient(0, canvas.height, [top, (44, 146, 186), (22, 92, 144), (14, 58, 104)])
    for _ in range(7):
        x, width = chance.uniform(0, canvas.width), unit * chance.uniform(0.03, 0.10)
        lean = unit * 0.25
        canvas.polygon(
            [(x, 0), (x + width, 0), (x + width * 2.4 - lean, canvas.height), (x - lean, canvas.height)],
            (220, 250, 255),
            0.07,
        )
    floor = canvas.height * 0.85
    for lift, colour in ((0.05, (92, 128, 142)), (0.0, (196, 178, 138))):
        phase = chance.uniform(0, 6)
        crest = [(canvas.width * s / 40, floor - unit * (lift + 0.018 * math.sin(s * 0.4 + phase))) for s in range(41)]
        canvas.polygon([*crest, (canvas.width, canvas.height), (0, canvas.height)], colour)
    for _ in range(16 + 8 * detail):
        foot = (chance.uniform(0, canvas.width), canvas.height * chance.uniform(0.86, 0.98))
        pen = Pen(canvas, foot, unit * chance.uniform(0.08, 0.24))
        if chance.random() < 0.6:
            green = chance.choice(((40, 130, 100), (60, 150, 90), (30, 104, 100)))
            sway = chance.uniform(-0.2, 0.2)
            pen.curve([(0, 0), (0.08 + sway * 0.3, 0.3), (-0.06 + sway * 0.6, 0.65), (sway, 1.0)], green, 0.07)
        else:
            coral = chance.choice(((226, 110, 110), (236, 150, 90), (190, 110, 180)))
            for x, y in ((-0.28, 0.42), (-0.1, 0.58), (0.1, 0.52), (0.28, 0.38)):
                pen.curve([(0, 0), (x * 0.5, y * 0.5), (x, y)], coral, 0.09)
    for _ in range(40 * detail):
        radius = unit * chance.uniform(0.002, 0.009)
        centre = (chance.uniform(0, canvas.width), chance.uniform(0, floor))
        canvas.ellipse(centre, (radius, radius), (230, 250, 255), 0.35)
        canvas.ellipse(
            (centre[0] - radius * 0.3, centre[1] - radius * 0.3), (radius * 0.3, radius * 0.3), (255, 255, 255), 0.8
        )
    return Ground(canvas.height * 0.88, canvas.height * 0.97, (canvas.height * 0.16, canvas.height * 0.74))


def draw_interior(canvas: Canvas, palette: Palette, _detail: int) -> Ground:
    """A wall, a window with a view, a table."""
    chance, unit, width = canvas.chance, canvas.unit, canvas.width
    wall = palette.lit(chance.choice(((214, 196, 172), (168, 190, 186), (206, 178, 166), (178, 182, 204))))
    middle, half, top = width * canvas.light_share, unit * 0.24, unit * 0.10
    bottom = top + unit * 0.44
    canvas.gradient(0, bottom, [palette.sky_top, palette.sky_middle, palette.sky_low])
    if palette.is_night:
        draw_stars(canvas, bottom, 160)
    canvas.glow((middle, bottom * 0.5), unit * 0.20, palette.light, 0.8)
    draw_ridges(canvas, palette, bottom, snow=False)
    for left, upper, right, lower in (
        (0.0, 0.0, float(width), top),
        (0.0, bottom, float(width), float(canvas.height)),
        (0.0, 0.0, middle - half, float(canvas.height)),
        (middle + half, 0.0, float(width), float(canvas.height)),
    ):
        canvas.box(left, upper, right, lower, wall)
    _window(canvas, (middle - half, top, middle + half, bottom), wall, palette)
    wood = palette.lit((146, 98, 64))
    edge = canvas.height * 0.74
    canvas.gradient(edge, canvas.height, [lighter(wood, 0.14), wood, darker(wood, 0.25)])
    for index in range(7):
        y = edge + (canvas.height - edge) * (index / 7) ** 1.4
        canvas.line([(0, y), (width, y)], darker(wood, 0.22), unit * 0.0016, 0.6)
    canvas.glow((middle, edge + unit * 0.05), unit * 0.5, palette.light, 0.22)
    return Ground(canvas.height * 0.80, canvas.height * 0.93)


def _window(canvas: Canvas, pane: tuple[float, float, float, float], wall: Colour, palette: Palette) -> None:
    """Frame, sill and curtains."""
    left, top, right, bottom = pane
    unit, white = canvas.unit, palette.lit((250, 248, 242))
    for points in (
        [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)],
        [((left + right) / 2, top), ((left + right) / 2, bottom)],
        [(left, (top + bottom) / 2), (right, (top + bottom) / 2)],
    ):
        canvas.line(points, white, unit * 0.014)
    canvas.box(left - unit * 0.035, bottom, right + unit * 0.035, bottom + unit * 0.025, darker(white, 0.08))
    for edge, side in ((left, -1), (right, 1)):
        inner, outer, fold = edge - side * unit * 0.03, edge + side * unit * 0.07, edge + side * unit * 0.03
        drape = [
            (outer, top - unit * 0.03),
            (inner, top - unit * 0.03),
            (fold, (top + bottom) / 2),
            (edge + side * unit * 0.02, bottom + unit * 0.08),
            (outer, bottom + unit * 0.08),
        ]
        canvas.polygon(drape, mix(wall, (168, 84, 84), 0.5), 0.95)
