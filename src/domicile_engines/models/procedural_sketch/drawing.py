"""Draws a scene with Pillow: the sky, the landscape from far to near, then each figure from far to near."""

import io
import math
import random
import threading
from collections.abc import Sequence

from PIL import Image, ImageColor, ImageDraw, ImageEnhance

from domicile_engines.models.procedural_sketch.scene import WATER, Scene
from domicile_engines.models.procedural_sketch.things import (
    FIGURES,
    LIGHTS,
    NEAR,
    SEASONS,
    SETTINGS,
    SHORE,
    WORDS,
    Layer,
)
from domicile_engines.runtime.resident import go_on

Colour = tuple[int, int, int]
_SATURATION = {"vivid": 1.15, "natural": 0.6}
_WHITE, _DARK, _PANE, _LAMPLIGHT = (255, 255, 250), (16, 18, 36), (127, 157, 180), (255, 222, 140)
_ACROSS = {"left": (0.06, 0.42), "middle": (0.35, 0.65), "right": (0.58, 0.94)}
_ON_LAND = 0.2
"""Figures whose lowest place is below this share of the picture's height stand on the ground."""


def draw_scene(
    scene: Scene, size: tuple[int, int], *, seed: bytes, style: str, hd: bool, left: threading.Event
) -> Image.Image:
    """Draw the scene. The same arguments give the same pixels. The seed chooses what the prompt leaves open.

    Raises `ClientLeftError` soon after `left` is set.
    """
    oversampling = 3 if hd else 2
    # The seeded generator makes pictures that differ and can be drawn again. It makes no secrets.
    picture = _Picture(scene, (size[0] * oversampling, size[1] * oversampling), random.Random(seed), left)
    if picture.places:
        picture.landscape()
        picture.things()
        picture.weather()
    else:
        picture.pattern()
    return ImageEnhance.Color(picture.image.reduce(oversampling)).enhance(_SATURATION[style])


def png(image: Image.Image) -> bytes:
    """Encode as PNG, without metadata."""
    file = io.BytesIO()
    image.save(file, "PNG", compress_level=6)
    return file.getvalue()


def _rgb(colour: str) -> Colour:
    red, green, blue = ImageColor.getrgb(colour)[:3]
    return red, green, blue


def _mix(first: Colour, second: Colour, share: float) -> Colour:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


def _rounded(points: Sequence[complex]) -> list[complex]:
    """A closed Catmull-Rom curve through the points."""
    curve = []
    for index in range(len(points)):
        a, b, c, d = (points[(index + shift) % len(points)] for shift in (-1, 0, 1, 2))
        for t in (0, 0.17, 0.33, 0.5, 0.67, 0.83):
            square, cube = 2 * a - 5 * b + 4 * c - d, 3 * b - a - 3 * c + d
            curve.append(0.5 * (2 * b + (c - a) * t + square * t**2 + cube * t**3))
    return curve


class _Picture:
    """Draws one scene on a canvas larger than wanted. It is reduced at the end, which smooths the edges."""

    def __init__(self, scene: Scene, size: tuple[int, int], chance: random.Random, left: threading.Event) -> None:
        self.scene, self.places, self.left = scene, scene.places(), left
        self.chance, self.between = chance, chance.uniform
        self.width, self.height = size
        self.unit = min(size)
        self.image = Image.new("RGB", size)
        self.draw = ImageDraw.Draw(self.image, "RGBA")
        guesses = ("overcast",) if {"rain", "snow", "fog"} & set(scene.weather) else ("dawn", "day", "day", "sunset")
        self.time = scene.light or chance.choice(guesses)
        light = LIGHTS[self.time]
        self.sky = [_rgb(colour) for colour in light.sky.split()]
        self.lamp, self.shade, self.share = _rgb(light.lamp), _rgb(light.shade), light.share
        self.lamp_x = self.width * chance.choice((0.25, 0.5, 0.72))
        self.seasonal = dict(zip(("land", "leaf"), SEASONS[scene.season], strict=True))

    def lit(self, colour: Colour, distance: float = 0.0) -> Colour:
        """The colour in this light. With distance (0 to 1) it fades into the colour of the horizon."""
        return _mix(_mix(colour, self.shade, self.share), self.sky[-1], distance * 0.65)

    def spot(self) -> tuple[float, float]:
        """A random point of the canvas."""
        return self.between(0, self.width), self.between(0, self.height)

    def disc(self, x: float, y: float, radius: float, fill: tuple[int, ...]) -> None:
        """Draw a disc. A fourth number of the fill is its opacity."""
        self.draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=fill)

    def gradient(self, top: int, colours: Sequence[Colour], mask: Image.Image | None = None) -> None:
        """Fill from `top` down with a gradient of the colours, within the mask."""
        strip = Image.new("RGB", (1, len(colours)))
        strip.putdata(list(colours))
        size, inner = (self.width // 16 + 1, self.height - top), (0, 0.5, 1, len(colours) - 0.5)
        strip = strip.resize(size, Image.Resampling.BILINEAR, box=inner)
        for x in range(0, self.width, strip.width):  # a strip at a time, to save memory
            self.image.paste(strip, (x, top), mask and mask.crop((x, 0, x + strip.width, strip.height)))

    def landscape(self) -> None:
        """Draw the sky, and all layers of the places from far to near."""
        background = SETTINGS[self.places[0]].sky
        if background:
            self.sky, self.share = [_rgb(colour) for colour in background.split()], 0.0
        if self.scene.sky_colour:
            self.sky = [_mix(colour, _rgb(self.scene.sky_colour), 0.65) for colour in self.sky]
        self.gradient(0, self.sky)
        if self.places[0] == "space" or (self.time == "night" and not background):
            for _ in range(260):
                fill = (*_WHITE, self.chance.randrange(80, 255))
                self.disc(*self.spot(), self.between(0.4, 1.7) * self.unit / 1000, fill)
        layers = [layer for place in self.places for layer in SETTINGS[place].layers]
        if not background:
            self.heavens()
            standing = any(FIGURES[item.kind].low < _ON_LAND for item in self.scene.items)
            if all(layer.distance >= 0.5 for layer in layers) and (standing or not WATER & set(self.places)):
                layers += [SHORE] if WATER & set(self.places) else NEAR
        for layer in sorted(layers, key=lambda layer: -layer.distance):
            go_on(self.left)
            {"water": self.water, "land": self.hills}.get(layer.what, self.row)(layer)

    def heavens(self) -> None:
        """Draw the sun or the moon, its glow, and clouds."""
        y = self.height * (0.2 if self.time in ("day", "night") else 0.42)
        radius = round(self.unit * 0.75)
        glow = Image.radial_gradient("L").point([round(190 * max(0, 1 - v / 181) ** 2) for v in range(256)])
        mask = glow.resize((radius * 2, radius * 2), Image.Resampling.BILINEAR)
        self.image.paste(self.lamp, (round(self.lamp_x) - radius, round(y) - radius), mask)
        if self.time != "overcast":
            self.disc(self.lamp_x, y, self.unit * 0.055, self.lamp)
        for _ in range(9 if "clouds" in self.scene.weather or self.time == "overcast" else 4):
            x, y = self.between(0, self.width), self.height * self.between(0.06, 0.36)
            self.figure("cloud", x, y, self.unit * self.between(0.04, 0.09), _rgb("#f6f4ee"), 0.45)

    def hills(self, layer: Layer) -> None:
        """Draw rolling land, lighter at its top."""
        waves = [(self.between(0.25, 0.5) / n, n * self.between(2, 4), self.between(0, 7)) for n in (1, 2, 5)]
        points = []
        for share in (step / 96 for step in range(97)):
            rise = sum(size * math.sin(pace * share + phase) for size, pace, phase in waves)
            points.append((self.width * share, self.height * (1 - layer.base - layer.size * rise)))
        top = round(min(y for _, y in points))
        mask = Image.new("L", (self.width, self.height - top))
        outline = [(0, mask.height), *((x, y - top) for x, y in points), (self.width, mask.height)]
        ImageDraw.Draw(mask).polygon(outline, fill=255)
        colour = _rgb(self.seasonal.get(layer.colour, layer.colour))
        bands = (_mix(colour, self.lamp, 0.2), _mix(colour, _DARK, 0.1), _mix(colour, _DARK, 0.3))
        self.gradient(top, [self.lit(band, layer.distance) for band in bands], mask)

    def water(self, layer: Layer) -> None:
        """Draw water that mirrors the picture above it, with the light on its waves."""
        top = round(self.height * (1 - layer.base))
        above = self.image.crop((0, max(0, 2 * top - self.height), self.width, top))
        self.image.paste(above.transpose(Image.Transpose.FLIP_TOP_BOTTOM), (0, top))
        tint = self.lit(_mix(self.sky[1], _rgb("#1e608c"), 0.6))
        self.draw.rectangle((0, top, self.width, self.height), fill=(*tint, 153))
        for turn in range(150):
            near = self.chance.random() ** 1.6
            y, long = top + near * (self.height - top), self.unit * self.between(0, 0.01 + 0.05 * near)
            x = self.between(0, self.width) if turn % 2 else self.chance.gauss(self.lamp_x, self.width * 0.09)
            self.draw.ellipse((x - long, y, x + long, y + self.unit * (0.002 + 0.004 * near)), fill=(*self.lamp, 110))

    def row(self, layer: Layer) -> None:
        """Draw one figure repeatedly across the picture."""
        count = max(2, round(layer.repeats * self.width / self.unit))
        colour = _rgb(self.seasonal.get(layer.colour, layer.colour))
        for index in self.chance.sample(range(count), count):
            x, height = (index + self.between(0.1, 0.9)) / count, layer.size * self.between(0.6, 1.05)
            foot = self.height * (1 - layer.base)
            self.figure(layer.what, x * self.width, foot, height * self.unit, colour, layer.distance)

    def things(self) -> None:
        """Draw the figures that the prompt names, from far to near."""
        placed = []
        for index, item in enumerate(self.scene.items):
            figure, total = FIGURES[item.kind], len(self.scene.items)
            start, end = _ACROSS.get(item.place, (0.06 + 0.88 * index / total, 0.06 + 0.88 * (index + 1) / total))
            for turn in range(item.count):
                y = self.between(figure.low, figure.high)
                if figure.low < _ON_LAND and WATER & set(self.places):
                    y = self.between(0.03, 0.09)  # on the shore
                height = self.unit * figure.height * item.size * (1.15 - abs(y - figure.low))
                height = min(height, 1.1 * self.width * (end - start) / item.count, 0.65 * self.height)
                x = self.width * (start + (end - start) * (turn + self.between(0.3, 0.7)) / item.count)
                x = min(self.width - height / 2, max(height / 2, x))
                colour = item.colours[turn % len(item.colours)] if item.colours else figure.colour
                placed.append((y, x, height, item.kind, _rgb(self.seasonal.get(colour, colour))))
        for y, x, height, kind, own in sorted(placed, reverse=True):
            go_on(self.left)
            foot = self.height * (1 - y)
            if FIGURES[kind].low < _ON_LAND:
                shadow = (x - height * 0.4, foot - height * 0.05, x + height * 0.45, foot + height * 0.05)
                self.draw.ellipse(shadow, fill=(*_DARK, 60))
            self.figure(kind, x, foot, height, own, side=self.chance.choice((-1, 1)))

    def figure(
        self, kind: str, x: float, y: float, height: float, own: Colour, distance: float = 0.0, side: int = 1
    ) -> None:
        """Draw one figure of the table with its foot at x and y, in pixels. `side` -1 mirrors it."""
        paints = {"own": own, "own+": _mix(own, _WHITE, 0.35), "own-": _mix(own, _DARK, 0.22), "glow": _PANE}
        for part in FIGURES[kind].parts.split(";"):
            paint, *numbers = part.split()
            name, values = paint.lstrip("~"), [float(number) * height for number in numbers]
            fill = self.lit(paints.get(name) or _rgb(name), distance)
            if name == "glow" and self.share >= 0.4:
                fill = _mix(_LAMPLIGHT, self.sky[-1], distance * 0.5)
            points = [complex(x + side * a, y - b) for a, b in zip(values[::2], values[1::2], strict=False)]
            if len(values) < 5:
                centre, across, up = points[0], values[2], values[-1]
                box = (centre.real - across, centre.imag - up, centre.real + across, centre.imag + up)
                self.draw.ellipse(box, fill=fill)
            else:
                points = _rounded(points) if paint[0] == "~" else points
                self.draw.polygon([(point.real, point.imag) for point in points], fill=fill)

    def weather(self) -> None:
        """Draw fog, rain and snow."""
        if "fog" in self.scene.weather:
            fading = Image.linear_gradient("L").point([round(v * 0.62) for v in range(256)])
            self.image.paste(_mix(self.sky[-1], _WHITE, 0.25), (0, 0), fading.resize(self.image.size))
        for kind in ("rain", "snow"):
            for _ in range(420 if kind in self.scene.weather else 0):
                (x, y), size = self.spot(), self.unit * self.between(0.002, 0.006)
                if kind == "snow":
                    self.disc(x, y, size, (*_WHITE, 220))
                else:
                    self.draw.line((x, y, x - size * 2, y + size * 9), (220, 230, 245, 110), max(1, round(size / 3)))

    def pattern(self) -> None:
        """Draw translucent discs in random colours, for a prompt of which no word is known."""
        colours = [_rgb(colour) for colour in self.chance.sample(list(WORDS["colour"])[:10], 4)]
        self.gradient(0, (_mix(colours[0], _WHITE, 0.7), _mix(colours[1], _WHITE, 0.4)))
        for _ in range(18):
            go_on(self.left)
            self.disc(*self.spot(), self.unit * self.between(0.04, 0.3), (*self.chance.choice(colours), 90))
