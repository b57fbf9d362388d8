"""Skies: their colour, sun, moon, stars, clouds, and what falls from them."""

import math

from domicile_engines.models.procedural_sketch.canvas import Canvas, Pen
from domicile_engines.models.procedural_sketch.colours import NAMED, Colour, Palette, darker, lighter, mix
from domicile_engines.models.procedural_sketch.scene import Scene

_RAINBOW: tuple[Colour, ...] = (
    (220, 70, 70), (238, 150, 60), (246, 214, 80), (96, 176, 96), (72, 132, 206), (120, 90, 180),
)  # fmt: skip


def draw_sky(canvas: Canvas, scene: Scene, palette: Palette, horizon: float, detail: int) -> None:
    """Everything above the horizon that is not a thing of its own."""
    top, middle, low = palette.sky_top, palette.sky_middle, palette.sky_low
    if scene.sky_colour is not None:
        colour = NAMED[scene.sky_colour]
        top, middle = mix(top, colour, 0.7), mix(middle, colour, 0.45)
    canvas.gradient(0, horizon + 1, [top, mix(top, middle, 0.55), middle, low])
    canvas.layer()
    if palette.is_night or "stars" in scene.weather:
        draw_stars(canvas, horizon, 220 * detail)
    if "aurora" in scene.weather:
        _aurora(canvas, horizon)
    _light(canvas, scene, palette, horizon)
    if "rainbow" in scene.weather:
        _rainbow(canvas, horizon)
    canvas.layer()
    overcast = "rain" in scene.weather or scene.time == "overcast"
    if not palette.is_night or "clouds" in scene.weather:
        wanted = 9 if overcast else 6 if "clouds" in scene.weather else 3
        for _ in range(wanted):
            _cloud(canvas, palette, horizon, grey=overcast)


def draw_stars(canvas: Canvas, horizon: float, count: int) -> None:
    """Many faint ones, a few bright ones with rays."""
    chance = canvas.chance
    for index in range(count):
        x, y = chance.uniform(0, canvas.width), chance.uniform(0, horizon) * chance.uniform(0.4, 1)
        radius = canvas.unit * (0.0006 + 0.0016 * chance.random() ** 4)
        canvas.ellipse((x, y), (radius, radius), (255, 252, 236), 0.45 + 0.5 * chance.random())
        if index % 40 == 0:
            canvas.glow((x, y), radius * 9, (255, 252, 236), 0.6)


def draw_precipitation(canvas: Canvas, scene: Scene, detail: int) -> None:
    """Rain or snow, in front of everything."""
    chance, unit = canvas.chance, canvas.unit
    if "rain" in scene.weather:
        for _ in range(220 * detail):
            x, y, length = (
                chance.uniform(0, canvas.width * 1.1),
                chance.uniform(0, canvas.height),
                chance.uniform(0.02, 0.05),
            )
            canvas.line([(x, y), (x - unit * length * 0.25, y + unit * length)], (226, 234, 244), unit * 0.0016, 0.35)
    if "snow" in scene.weather:
        for _ in range(260 * detail):
            x, y = chance.uniform(0, canvas.width), chance.uniform(0, canvas.height)
            radius = unit * chance.uniform(0.0012, 0.0045)
            canvas.ellipse((x, y), (radius, radius), (255, 255, 255), chance.uniform(0.5, 0.95))


def _light(canvas: Canvas, scene: Scene, palette: Palette, horizon: float) -> None:
    moon = scene.has("moon", "crescent")
    hidden = scene.time == "overcast" or "rain" in scene.weather
    if hidden and not moon and not scene.has("sun"):
        return
    x = canvas.width * canvas.light_share
    item = next((item for item in scene.items if item.kind in ("sun", "moon", "crescent")), None)
    radius = canvas.unit * (0.085 if item is not None and item.size == "large" else 0.052)
    if moon or (palette.is_night and not scene.has("sun")):
        _moon(canvas, (x, horizon * 0.26), radius, crescent=scene.has("crescent"), around=palette.sky_top)
        return
    low = {"sunset": 0.84, "dusk": 0.93, "dawn": 0.82}.get(scene.time or "", 0.27)
    if "mountains" in scene.settings or "lake" in scene.settings:
        low = min(low, 0.42)
    centre = (x, horizon * low)
    colour = NAMED[item.colours[0]] if item is not None and item.colours else palette.light
    canvas.glow(centre, radius * 9, colour, 0.75)
    canvas.glow(centre, radius * 3.2, lighter(colour, 0.4), 0.85)
    canvas.ellipse(centre, (radius, radius), lighter(colour, 0.55))


def _moon(canvas: Canvas, centre: tuple[float, float], radius: float, *, crescent: bool, around: Colour) -> None:
    canvas.glow(centre, radius * 7, (214, 222, 246), 0.55)
    canvas.ellipse(centre, (radius, radius), (244, 240, 222))
    if crescent:
        shade = mix(around, (60, 74, 120), 0.35)
        canvas.ellipse((centre[0] + radius * 0.42, centre[1] - radius * 0.12), (radius * 0.88, radius * 0.88), shade)
        return
    for dx, dy, size in (
        (-0.3, -0.2, 0.22),
        (0.25, 0.3, 0.28),
        (0.35, -0.35, 0.13),
        (-0.25, 0.42, 0.12),
        (0.0, 0.0, 0.1),
    ):
        canvas.ellipse((centre[0] + dx * radius, centre[1] + dy * radius), (radius * size,) * 2, (222, 216, 196))


def _cloud(canvas: Canvas, palette: Palette, horizon: float, *, grey: bool) -> None:
    chance, unit = canvas.chance, canvas.unit
    width = unit * chance.uniform(0.10, 0.26)
    x, y = chance.uniform(0, canvas.width), chance.uniform(0.10, 0.62) * horizon
    base = mix(palette.sky_middle, (250, 250, 250), 0.72 if not grey else 0.28)
    if palette.is_night:
        base = mix(palette.sky_low, (150, 160, 190), 0.25)
    puffs = [(chance.uniform(-1, 1), chance.uniform(0.5, 1)) for _ in range(9)]
    for shade, lift in ((darker(base, 0.14), 0.0), (base, 0.22), (mix(lighter(base, 0.5), palette.light, 0.25), 0.45)):
        for dx, size in puffs:
            radius = width * 0.30 * size * (1 - abs(dx) * 0.62) * (1 - lift * 0.35)
            centre = (x + dx * width, y - radius * 0.75 - lift * radius * 0.6)
            canvas.ellipse(centre, (radius * 1.25, radius * 0.85), shade, 0.92)
    canvas.ellipse((x, y - unit * 0.004), (width * 1.15, unit * 0.012), darker(base, 0.10), 0.8)


def _rainbow(canvas: Canvas, horizon: float) -> None:
    centre, radius = (canvas.width * 0.5, horizon * 1.1), min(canvas.width * 0.44, horizon * 0.95)
    for band, colour in enumerate(_RAINBOW):
        reach = radius - band * canvas.unit * 0.014
        arc = [
            (centre[0] + math.cos(step / 60 * math.pi) * reach, centre[1] - math.sin(step / 60 * math.pi) * reach)
            for step in range(61)
        ]
        canvas.line(arc, colour, canvas.unit * 0.016, 0.45)


def _aurora(canvas: Canvas, horizon: float) -> None:
    chance = canvas.chance
    for colour in ((90, 230, 170), (80, 200, 220), (170, 120, 220)):
        start, phase = chance.uniform(0.15, 0.45), chance.uniform(0, 6)
        blobs = []
        for step in range(40):
            x = canvas.width * step / 39
            y = horizon * (start + 0.16 * math.sin(phase + step * 0.22))
            blobs.append(((x, y), (canvas.width * 0.02, horizon * (0.16 + 0.08 * math.sin(step * 1.7)))))
        canvas.soft(blobs, colour, 0.34, canvas.unit * 0.03)


def draw_birds_far(canvas: Canvas, palette: Palette, horizon: float, count: int) -> None:
    """A loose flock, so far away that each is one stroke."""
    chance = canvas.chance
    x, y = canvas.width * chance.uniform(0.3, 0.7), horizon * chance.uniform(0.25, 0.5)
    for _ in range(count):
        size = canvas.unit * chance.uniform(0.008, 0.016)
        pen = Pen(canvas, (x + chance.gauss(0, canvas.unit * 0.09), y + chance.gauss(0, canvas.unit * 0.04)), size)
        pen.curve([(-1, 0.35), (-0.45, 0.6), (0, 0), (0.45, 0.6), (1, 0.35)], darker(palette.far, 0.55), 0.16)
