"""Land, water and the other places in which things stand: drawn from the far end towards the viewer."""

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass

from domicile_engines.models.procedural_sketch.canvas import Canvas, Pen, Point
from domicile_engines.models.procedural_sketch.colours import Colour, Palette, darker, lighter, mix
from domicile_engines.models.procedural_sketch.plants import draw_pine, draw_tree


@dataclass(frozen=True, slots=True)
class Ground:
    """Where things may stand: from `far` (y, in drawn pixels) down to `near`."""

    far: float
    near: float
    water: tuple[float, float] | None = None
    """From where to where boats float."""


def draw_land(canvas: Canvas, setting: str, palette: Palette, horizon: float, detail: int) -> Ground:
    """The ground of a setting, below the horizon."""
    return _SETTINGS[setting](canvas, palette, horizon, detail)


def draw_ridges(canvas: Canvas, palette: Palette, horizon: float, *, snow: bool) -> None:
    """Three ranges of mountains, each nearer and darker than the one behind it."""
    for number, (height, roughness, distance) in enumerate(((0.52, 0.62, 0.85), (0.38, 0.58, 0.5), (0.20, 0.52, 0.2))):
        crest = _ridge(canvas, horizon, horizon * height, roughness)
        colour = palette.at_distance(mix(palette.far, palette.near, 0.25 + 0.22 * number), distance)
        canvas.polygon([*crest, (canvas.width, horizon + 2), (0, horizon + 2)], colour)
        _facets(canvas, crest, horizon, colour, palette, snow=snow and number < 2)
        canvas.soft(
            [((canvas.width / 2, horizon), (canvas.width, horizon * 0.10))], palette.sky_low, 0.35, canvas.unit * 0.04
        )
        canvas.layer()


def hill(canvas: Canvas, base: float, height: float, colour: Colour, waves: float = 2.0) -> list[Point]:
    """One smooth hill-line across the picture, filled down to the bottom; returns its crest."""
    phases = [canvas.chance.uniform(0, 2 * math.pi) for _ in range(3)]
    crest = []
    for step in range(81):
        share = step / 80
        swell = sum(math.sin(share * waves * (n + 1) * math.pi + phases[n]) / (n + 1.4) ** 1.4 for n in range(3))
        crest.append((share * canvas.width, base - height * 0.6 * (0.5 + 0.5 * swell)))
    bands = 5
    for band in range(bands):
        drop = band * (canvas.height - base + height) / bands / 3
        shade = mix(lighter(colour, 0.10), darker(colour, 0.16), band / (bands - 1))
        canvas.polygon([*((x, y + drop) for x, y in crest), (canvas.width, canvas.height), (0, canvas.height)], shade)
    return crest


def draw_water(canvas: Canvas, palette: Palette, top: float, bottom: float, detail: int) -> None:
    """Water with the light's path on it."""
    canvas.gradient(top, bottom, [mix(palette.water, palette.sky_low, 0.6), palette.water, darker(palette.water, 0.38)])
    chance, unit = canvas.chance, canvas.unit
    depth = bottom - top
    for index in range(260 * detail):
        share = chance.random() ** 1.6
        y = top + share * depth
        length = unit * (0.006 + 0.055 * share) * chance.uniform(0.5, 1.2)
        on_path = index % 2 == 0
        middle = canvas.width * canvas.light_share
        x = chance.gauss(middle, unit * (0.03 + 0.14 * share)) if on_path else chance.uniform(0, canvas.width)
        colour = lighter(palette.light, 0.2) if on_path else lighter(palette.water, 0.35)
        thickness = unit * (0.0010 + 0.0042 * share)
        canvas.ellipse((x, y), (length, thickness), colour, (0.55 if on_path else 0.22) * chance.uniform(0.5, 1))


def _ridge(canvas: Canvas, base: float, height: float, roughness: float) -> list[Point]:
    """Midpoint displacement, the way fractal skylines are made."""
    chance = canvas.chance
    heights = [
        chance.uniform(0.2, 0.6),
        chance.uniform(0.6, 1.0),
        chance.uniform(0.25, 0.7),
        chance.uniform(0.5, 0.95),
        0.4,
    ]
    spread = 0.34
    while len(heights) < 140:
        finer: list[float] = []
        for left, right in itertools.pairwise(heights):
            finer += [left, (left + right) / 2 + chance.uniform(-spread, spread) * 0.5]
        heights = [*finer, heights[-1]]
        spread *= roughness
    return [
        (index / (len(heights) - 1) * canvas.width, base - height * max(0.04, value))
        for index, value in enumerate(heights)
    ]


def _facets(canvas: Canvas, crest: list[Point], base: float, colour: Colour, palette: Palette, *, snow: bool) -> None:
    """The sunny and the shady side of each peak, and its snow."""
    chance = canvas.chance
    light_left = canvas.light_share < 0.5
    white = palette.lit(mix((250, 251, 255), palette.sky_low, 0.12))
    for index in range(3, len(crest) - 3):
        x, y = crest[index]
        if y > min(point[1] for point in crest[index - 3 : index + 4]) or base - y < canvas.unit * 0.05:
            continue
        tall = base - y
        fall = tall * chance.uniform(0.75, 0.95)
        lean = tall * chance.uniform(-0.05, 0.10)
        zigzag = [(x + lean * t + tall * 0.05 * math.sin(t * 17 + index), y + fall * t) for t in (0.25, 0.5, 0.75, 1)]
        side = 1 if light_left else -1
        canvas.polygon([(x, y), *zigzag, (x + side * tall * 0.55, base), (x + side * tall * 0.30, y + tall * 0.5)],
                       darker(colour, 0.22), 0.55)  # fmt: skip
        if snow and tall > canvas.unit * 0.13:
            _snow_cap(canvas, crest, index, tall, white)


def _snow_cap(canvas: Canvas, crest: list[Point], peak: int, tall: float, white: Colour) -> None:
    """Down both sides along the crest, with a torn lower edge."""
    line = crest[peak][1] + tall * 0.30
    first, last = peak, peak
    while first > 0 and crest[first - 1][1] < line:
        first -= 1
    while last < len(crest) - 1 and crest[last + 1][1] < line:
        last += 1
    top = crest[first : last + 1]
    if len(top) < 2:
        return
    edge = [(x, y + tall * (0.05 + 0.13 * abs(math.sin(index * 1.9 + peak))) * (1 if 0 < index < len(top) - 1 else 0))
            for index, (x, y) in enumerate(top)]  # fmt: skip
    canvas.polygon([*top, *reversed(edge)], white, 0.94)
    half = [point for point in top if point[0] >= crest[peak][0]] if canvas.light_share < 0.5 else [
        point for point in top if point[0] <= crest[peak][0]]  # fmt: skip
    if len(half) > 1:
        under = [point for point in edge if min(p[0] for p in half) <= point[0] <= max(p[0] for p in half)]
        canvas.polygon([*half, *reversed(under)], darker(white, 0.22), 0.7)


def _hills(canvas: Canvas, palette: Palette, horizon: float, detail: int) -> Ground:
    for distance, lift in ((0.9, 0.16), (0.55, 0.11), (0.25, 0.05)):
        colour = palette.at_distance(mix(palette.far, palette.near, 1 - distance * 0.7), distance)
        crest = hill(canvas, horizon + (1 - distance) * canvas.unit * 0.09, canvas.unit * lift, colour)
        _dot_with_trees(canvas, crest, palette, distance)
        canvas.layer()
    hill(canvas, horizon + canvas.unit * 0.15, canvas.unit * 0.035, palette.near, 1.4)
    _grass(canvas, palette, horizon + canvas.unit * 0.17, detail)
    return Ground(horizon + canvas.unit * 0.13, canvas.height * 0.97)


def _dot_with_trees(canvas: Canvas, crest: list[Point], palette: Palette, distance: float) -> None:
    chance = canvas.chance
    for _ in range(9):
        x, y = crest[chance.randrange(len(crest))]
        size = canvas.unit * (0.016 + 0.040 * (1 - distance)) * chance.uniform(0.7, 1.3)
        foot = (x, y + size * chance.uniform(0.1, 0.7))
        drawing = draw_pine if chance.random() < 0.35 else draw_tree
        drawing(Pen(canvas, foot, size), palette.at_distance(darker(palette.foliage, 0.12), distance * 0.8), palette)


def _grass(canvas: Canvas, palette: Palette, top: float, detail: int) -> None:
    chance = canvas.chance
    depth = canvas.height - top
    for _ in range(420 * detail):
        share = chance.random() ** 0.8
        x, y = chance.uniform(0, canvas.width), top + share * depth * 1.02
        tall = canvas.unit * (0.006 + 0.022 * share) * chance.uniform(0.6, 1.2)
        shade = chance.choice(
            (lighter(palette.near, 0.16), darker(palette.near, 0.18), mix(palette.near, palette.foliage, 0.5))
        )
        lean = chance.uniform(-0.5, 0.5) * tall
        canvas.polygon([(x - tall * 0.11, y), (x + tall * 0.11, y), (x + lean, y - tall)], shade, 0.75)


def _mountains(canvas: Canvas, palette: Palette, horizon: float, detail: int) -> Ground:
    draw_ridges(canvas, palette, horizon, snow=True)
    crest = hill(canvas, horizon + canvas.unit * 0.03, canvas.unit * 0.04, palette.at_distance(palette.near, 0.3), 2.4)
    chance = canvas.chance
    for _ in range(46):
        x, y = crest[chance.randrange(len(crest))]
        size = canvas.unit * chance.uniform(0.03, 0.065)
        colour = palette.at_distance(darker(palette.foliage, 0.2), 0.25)
        draw_pine(Pen(canvas, (x + chance.uniform(-9, 9), y + size * 0.2), size), colour, palette)
    hill(canvas, horizon + canvas.unit * 0.14, canvas.unit * 0.05, palette.near, 1.3)
    _grass(canvas, palette, horizon + canvas.unit * 0.17, detail)
    return Ground(horizon + canvas.unit * 0.12, canvas.height * 0.97)


def _forest(canvas: Canvas, palette: Palette, horizon: float, detail: int) -> Ground:
    chance, unit = canvas.chance, canvas.unit
    for distance, tall in ((0.95, 0.16), (0.7, 0.24), (0.42, 0.34), (0.16, 0.46)):
        base = horizon + (1 - distance) * unit * 0.12
        colour = palette.at_distance(darker(palette.foliage, 0.10), distance)
        hill(canvas, base, unit * 0.02, palette.at_distance(palette.near, distance), 2)
        count = round(30 * canvas.width / canvas.height * (0.4 + distance * 0.6))
        clearing = canvas.width * 0.5
        for index in range(count):
            x = (index + chance.uniform(0.1, 0.9)) / count * canvas.width
            if distance < 0.5 and abs(x - clearing) < canvas.width * 0.24 * (1 - distance):
                continue
            size = unit * tall * chance.uniform(0.75, 1.15)
            drawing = draw_pine if (index * 7 + len(str(count))) % 3 else draw_tree
            drawing(Pen(canvas, (x, base + chance.uniform(0, unit * 0.02)), size), colour, palette)
        haze = [((canvas.width / 2, base), (canvas.width, unit * 0.06))]
        canvas.soft(haze, palette.sky_low, 0.30 * distance, unit * 0.04)
        canvas.layer()
    hill(canvas, horizon + unit * 0.16, unit * 0.02, palette.near, 1.2)
    _grass(canvas, palette, horizon + unit * 0.17, detail)
    return Ground(horizon + unit * 0.15, canvas.height * 0.97)


def _sea(canvas: Canvas, palette: Palette, horizon: float, detail: int) -> Ground:
    draw_water(canvas, palette, horizon, canvas.height, detail)
    far = palette.at_distance(palette.far, 0.5)
    side = -0.05 if canvas.light_share > 0.5 else 0.62
    _headland(canvas, horizon, side, far)
    return Ground(
        horizon + canvas.unit * 0.30, canvas.height * 0.93, (horizon + canvas.unit * 0.03, canvas.height * 0.86)
    )


def _headland(canvas: Canvas, horizon: float, start: float, colour: Colour) -> None:
    width, unit = canvas.width * 0.42, canvas.unit
    left = canvas.width * start
    crest = [
        (left + width * t, horizon - unit * 0.055 * math.sin(math.pi * t) * (0.6 + 0.4 * math.sin(t * 11))) for t in
        (step / 40 for step in range(41))
    ]  # fmt: skip
    canvas.polygon([*crest, (left + width, horizon + 1), (left, horizon + 1)], colour)


def _beach(canvas: Canvas, palette: Palette, horizon: float, detail: int) -> Ground:
    draw_water(canvas, palette, horizon, canvas.height, detail)
    _headland(canvas, horizon, 0.60 if canvas.light_share < 0.5 else -0.04, palette.at_distance(palette.far, 0.4))
    sand = palette.lit(mix((238, 212, 162), palette.near, 0.12))
    shore = horizon + (canvas.height - horizon) * 0.52
    phase = canvas.chance.uniform(0, 6)
    for drop, colour, opacity in (
        (-0.022, (255, 255, 255), 0.55),
        (-0.010, darker(sand, 0.22), 1.0),
        (0.014, sand, 1.0),
    ):
        line = [
            (canvas.width * t, shore + canvas.unit * (drop + 0.045 * math.sin(t * 4 + phase) - 0.10 * (t - 0.5)))
            for t in (step / 60 for step in range(61))
        ]
        canvas.polygon([*line, (canvas.width, canvas.height), (0, canvas.height)], colour, opacity)
    chance = canvas.chance
    for _ in range(200 * detail):
        x, y = chance.uniform(0, canvas.width), chance.uniform(shore + canvas.unit * 0.11, canvas.height)
        canvas.ellipse((x, y), (canvas.unit * 0.0035, canvas.unit * 0.0012), darker(sand, 0.18), 0.5)
    return Ground(
        shore + canvas.unit * 0.09, canvas.height * 0.97, (horizon + canvas.unit * 0.02, shore - canvas.unit * 0.05)
    )


def _lake(canvas: Canvas, palette: Palette, horizon: float, detail: int) -> Ground:
    draw_ridges(canvas, palette, horizon, snow=True)
    crest = hill(canvas, horizon + canvas.unit * 0.005, canvas.unit * 0.03, palette.at_distance(palette.near, 0.3), 3)
    chance = canvas.chance
    for _ in range(70):
        x, _y = crest[chance.randrange(len(crest))]
        size = canvas.unit * chance.uniform(0.03, 0.075)
        colour = palette.at_distance(darker(palette.foliage, 0.2), 0.25)
        draw_pine(Pen(canvas, (x + chance.uniform(-12, 12), horizon + 1), size), colour, palette)
    canvas.mirror(horizon, palette.water, 0.34)
    for _ in range(70 * detail):
        y = horizon + (canvas.height - horizon) * chance.random() ** 1.5
        share = (y - horizon) / (canvas.height - horizon)
        length = canvas.unit * (0.01 + 0.09 * share)
        x = chance.uniform(0, canvas.width)
        canvas.ellipse((x, y), (length, canvas.unit * (0.0008 + 0.002 * share)), lighter(palette.water, 0.4), 0.20)
    bank = canvas.height - canvas.unit * 0.11
    hill(canvas, bank, canvas.unit * 0.07, darker(palette.near, 0.12), 1.1)
    _grass(canvas, palette, bank + canvas.unit * 0.01, detail)
    return Ground(
        bank + canvas.unit * 0.02, canvas.height * 0.98, (horizon + canvas.unit * 0.05, bank - canvas.unit * 0.07)
    )


def _desert(canvas: Canvas, palette: Palette, horizon: float, detail: int) -> Ground:
    sand = palette.lit((226, 176, 112))
    chance = canvas.chance
    canvas.gradient(horizon, canvas.height, [palette.at_distance(sand, 0.9), sand])
    for distance in (0.9, 0.65, 0.4, 0.15):
        base = horizon + (1 - distance) * canvas.unit * 0.22
        colour = palette.at_distance(darker(sand, 0.10 * (1 - distance)), distance * 0.8)
        peak = canvas.width * chance.uniform(0.2, 0.8)
        tall = canvas.unit * (0.06 + 0.07 * (1 - distance))
        crest = [
            (canvas.width * t, base - tall * math.exp(-(((canvas.width * t - peak) / (canvas.width * 0.34)) ** 2)))
            for t in (step / 60 for step in range(61))
        ]
        canvas.polygon([*crest, (canvas.width, canvas.height), (0, canvas.height)], colour)
        shade = [(x, y) for x, y in crest if (x > peak) == (canvas.light_share < 0.5)]
        reach = canvas.width * (0.30 if canvas.light_share < 0.5 else -0.30)
        top = (peak, base - tall)
        slope = [
            (peak + reach * t - reach * 0.35 * math.sin(t * 3.1), base - tall + tall * 1.9 * t)
            for t in (0.0, 0.3, 0.6, 1.0)
        ]
        canvas.polygon([top, *sorted(shade, reverse=reach < 0), *reversed(slope)], darker(colour, 0.28), 0.6)
        canvas.layer()
    for _ in range(120 * detail):
        x, y = chance.uniform(0, canvas.width), chance.uniform(horizon + canvas.unit * 0.2, canvas.height)
        canvas.ellipse(
            (x, y), (canvas.unit * chance.uniform(0.01, 0.04), canvas.unit * 0.0011), darker(sand, 0.2), 0.30
        )
    return Ground(horizon + canvas.unit * 0.20, canvas.height * 0.96)


_Setting = Callable[[Canvas, Palette, float, int], Ground]
_SETTINGS: dict[str, _Setting] = {
    "hills": _hills,
    "village": _hills,
    "mountains": _mountains,
    "forest": _forest,
    "sea": _sea,
    "beach": _beach,
    "lake": _lake,
    "desert": _desert,
}
