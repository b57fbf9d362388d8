"""Geometric shapes, and pictures made of nothing else."""

import math
from collections.abc import Callable

from domicile_engines.models.procedural_sketch.canvas import Canvas, Pen, Point
from domicile_engines.models.procedural_sketch.colours import NAMED, Colour, Palette, darker, lighter, mix

_SHEETS: tuple[tuple[Colour, ...], ...] = (
    ((38, 70, 83), (42, 157, 143), (233, 196, 106), (244, 162, 97), (231, 111, 81)),
    ((29, 53, 87), (69, 123, 157), (168, 218, 220), (230, 57, 70), (250, 222, 190)),
    ((61, 52, 139), (118, 120, 237), (247, 184, 1), (241, 135, 1), (243, 91, 4)),
    ((53, 80, 112), (109, 89, 122), (181, 101, 118), (229, 107, 111), (234, 172, 139)),
    ((40, 54, 24), (96, 108, 56), (221, 161, 94), (188, 108, 37), (240, 220, 180)),
)


def outline_of(kind: str) -> list[Point]:
    """The corners of a shape in a square from -0.5 to 0.5 around (0, 0.5), as a pen wants it."""
    return [(x * 0.5, 0.5 + y * 0.5) for x, y in _OUTLINES[kind]()]


def draw_shape(pen: Pen, kind: str, colour: Colour) -> None:
    """One shape with a soft shadow and a lighter upper half."""
    if kind == "spiral":
        turns = [(t / 90 * 0.47 * math.cos(t * 0.21), 0.5 + t / 90 * 0.47 * math.sin(t * 0.21)) for t in range(91)]
        pen.curve(turns, colour, 0.05)
        return
    outline = outline_of(kind)
    pen.polygon([(x + 0.035, y - 0.04) for x, y in outline], (16, 18, 34), 0.20)
    pen.polygon(outline, colour)
    if kind == "ring":
        return
    middle = (sum(x for x, _ in outline) / len(outline), sum(y for _, y in outline) / len(outline))
    inner = [(middle[0] + (x - middle[0]) * 0.80, middle[1] + (y - middle[1]) * 0.80) for x, y in outline]
    pen.polygon(inner, lighter(colour, 0.10), 0.8)


def draw_paper(canvas: Canvas, palette: Palette) -> None:
    """The ground of a picture that shows shapes alone."""
    cream = mix((247, 243, 234), palette.light, 0.15)
    canvas.gradient(0, canvas.height, [lighter(cream, 0.3), cream, darker(cream, 0.06)])
    margin = canvas.unit * 0.035
    frame = [(margin, margin), (canvas.width - margin, margin), (canvas.width - margin, canvas.height - margin),
             (margin, canvas.height - margin), (margin, margin)]  # fmt: skip
    canvas.line(frame, darker(cream, 0.14), canvas.unit * 0.002)


def draw_abstract(canvas: Canvas, palette: Palette, detail: int) -> None:
    """For prompts that name nothing that can be drawn: overlapping arcs, discs and bars from one sheet of colours."""
    chance = canvas.chance
    sheet = chance.choice(_SHEETS)
    ground = lighter(mix(sheet[-1], palette.light, 0.3), 0.45)
    canvas.gradient(0, canvas.height, [lighter(ground, 0.3), ground, darker(ground, 0.08)])
    cell = canvas.unit / 4
    columns, rows = round(canvas.width / cell), round(canvas.height / cell)
    for row in range(rows):
        for column in range(columns):
            _tile(canvas, (column * canvas.width / columns, row * canvas.height / rows), cell, sheet, ground)
        canvas.layer()
    for _ in range(5 * detail):
        radius = canvas.unit * chance.uniform(0.03, 0.12)
        centre = (chance.uniform(0, canvas.width), chance.uniform(0, canvas.height))
        canvas.ellipse(centre, (radius, radius), chance.choice(sheet), 0.80)
        canvas.ellipse(centre, (radius * 0.55, radius * 0.55), ground, 0.85)


def _tile(canvas: Canvas, corner: Point, cell: float, sheet: tuple[Colour, ...], ground: Colour) -> None:
    chance = canvas.chance
    (x, y), first, second = corner, chance.choice(sheet), chance.choice(sheet)
    square = [(x, y), (x + cell + 1, y), (x + cell + 1, y + cell + 1), (x, y + cell + 1)]
    kind = chance.randrange(6)
    canvas.polygon(square, mix(ground, first, 0.16 if kind < 5 else 0.95))
    if kind < 2:
        start = chance.randrange(4)
        hub = square[start]
        for reach, colour in ((1.0, first), (0.66, lighter(first, 0.35)), (0.33, second)):
            angle = start * math.pi / 2
            arc = [(hub[0] + math.cos(angle + s / 24 * math.pi / 2) * cell * reach,
                    hub[1] + math.sin(angle + s / 24 * math.pi / 2) * cell * reach) for s in range(25)]  # fmt: skip
            canvas.polygon([hub, *arc], colour)
    elif kind == 2:
        canvas.polygon([square[chance.choice((0, 2))], square[1], square[3]], first)
    elif kind == 3:
        for bar in range(4):
            top = y + bar * cell / 4
            canvas.polygon([(x, top), (x + cell, top), (x + cell, top + cell / 8), (x, top + cell / 8)], first)
    elif kind == 4:
        centre = (x + cell / 2, y + cell / 2)
        for radius, colour in ((0.42, first), (0.26, lighter(first, 0.5)), (0.12, second)):
            canvas.ellipse(centre, (cell * radius, cell * radius), colour)


def default_colour(index: int) -> Colour:
    """The colour of a shape for which none was named."""
    return NAMED[("red", "blue", "yellow", "green", "purple", "orange", "turquoise", "pink")[index % 8]]


def _regular(corners: int, start: float = math.pi / 2) -> list[Point]:
    return [
        (math.cos(start + 2 * math.pi * n / corners), math.sin(start + 2 * math.pi * n / corners))
        for n in range(corners)
    ]


def _star() -> list[Point]:
    reach = (1.0, 0.42)
    return [(math.cos(math.pi / 2 + math.pi * n / 5) * reach[n % 2], math.sin(math.pi / 2 + math.pi * n / 5) * reach[n % 2])
            for n in range(10)]  # fmt: skip


def _heart() -> list[Point]:
    points = []
    for step in range(60):
        t = step / 60 * 2 * math.pi
        points.append(
            (math.sin(t) ** 3, (13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t)) / 16)
        )
    return points


def _ring() -> list[Point]:
    outer = _regular(60)
    inner = [(x * 0.62, y * 0.62) for x, y in outer]
    return [*outer, outer[0], inner[0], *reversed(inner)]


_OUTLINES: dict[str, Callable[[], list[Point]]] = {
    "circle": lambda: _regular(72),
    "square": lambda: [(-0.85, -0.85), (0.85, -0.85), (0.85, 0.85), (-0.85, 0.85)],
    "rectangle": lambda: [(-1.0, -0.6), (1.0, -0.6), (1.0, 0.6), (-1.0, 0.6)],
    "triangle": lambda: [(-1.0, -0.85), (1.0, -0.85), (0.0, 0.9)],
    "star": _star,
    "heart": _heart,
    "hexagon": lambda: _regular(6),
    "ring": _ring,
}
