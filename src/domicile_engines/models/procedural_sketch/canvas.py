"""A picture being drawn: more pixels than are wanted, so that edges come out smooth, and nothing of it outside memory."""

import io
import math
import random
import threading
from collections.abc import Sequence

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from domicile_engines.models.procedural_sketch.colours import Colour
from domicile_engines.runtime.resident import go_on

Point = tuple[float, float]


class Canvas:
    """An RGB picture of `width` x `height` drawn pixels. Lengths are in drawn pixels; `unit` is its shorter side."""

    def __init__(self, size: tuple[int, int], oversampling: int, chance: random.Random, left: threading.Event) -> None:
        self.size = size
        self.oversampling = oversampling
        self.width, self.height = size[0] * oversampling, size[1] * oversampling
        self.unit = float(min(self.width, self.height))
        self.chance = chance
        self.light_share = 0.5
        """Where the light stands: its x, as a share of the width."""
        self._left = left
        self.image = Image.new("RGB", (self.width, self.height))
        self._draw = ImageDraw.Draw(self.image, "RGBA")

    def layer(self) -> None:
        """Between two layers: raises `ClientLeftError` when the client has left."""
        go_on(self._left)

    def polygon(self, points: Sequence[Point], fill: Colour, opacity: float = 1.0) -> None:
        """A filled polygon."""
        self._draw.polygon(list(points), fill=(*fill, round(255 * opacity)))

    def box(self, left: float, top: float, right: float, bottom: float, fill: Colour, opacity: float = 1.0) -> None:
        """A filled upright rectangle."""
        self.polygon([(left, top), (right, top), (right, bottom), (left, bottom)], fill, opacity)

    def ellipse(self, centre: Point, radii: Point, fill: Colour, opacity: float = 1.0) -> None:
        """A filled ellipse."""
        (x, y), (across, down) = centre, (abs(radii[0]), abs(radii[1]))
        self._draw.ellipse((x - across, y - down, x + across, y + down), fill=(*fill, round(255 * opacity)))

    def line(self, points: Sequence[Point], fill: Colour, width: float, opacity: float = 1.0) -> None:
        """A line with round joints, and round ends where it is opaque."""
        thickness = max(1, round(width))
        self._draw.line(list(points), fill=(*fill, round(255 * opacity)), width=thickness, joint="curve")
        if opacity == 1.0 and thickness > 2:
            for end in (points[0], points[-1]):
                self.ellipse(end, (thickness / 2, thickness / 2), fill)

    def gradient(self, top: float, bottom: float, stops: Sequence[Colour]) -> None:
        """Horizontal bands that melt into one another, over the whole width, from `top` down to `bottom`."""
        height = max(1, round(bottom) - round(top))
        strip = Image.new("RGB", (1, len(stops)))
        strip.putdata(list(stops))
        # The outer half of the outer bands would be flat: the strip is read from the middle of one to that of the other.
        smooth = strip.resize((1, height), Image.Resampling.BILINEAR, box=(0, 0.5, 1, len(stops) - 0.5))
        self.image.paste(smooth.resize((self.width, height)), (0, round(top)))

    def glow(self, centre: Point, radius: float, colour: Colour, opacity: float) -> None:
        """Light that fades from the centre outward."""
        side = max(2, round(radius * 2))
        falling = Image.radial_gradient("L").point(
            [round(opacity * 255 * (1 - min(1, v / 181)) ** 2) for v in range(256)]
        )
        mask = falling.resize((side, side), Image.Resampling.BILINEAR)
        self.image.paste(colour, (round(centre[0] - radius), round(centre[1] - radius)), mask)

    def soft(self, blobs: Sequence[tuple[Point, Point]], colour: Colour, opacity: float, blur: float) -> None:
        """Ellipses (centre, radii) without edges: haze, and the light in clouds. Drawn small, since nobody sees the pixels."""
        shrink = 8
        mask = Image.new("L", (self.width // shrink, self.height // shrink))
        draw = ImageDraw.Draw(mask)
        for (x, y), (across, down) in blobs:
            box = (x - across, y - down, x + across, y + down)
            draw.ellipse([value / shrink for value in box], fill=round(255 * opacity))
        mask = mask.filter(ImageFilter.GaussianBlur(blur / shrink))
        self.image.paste(colour, (0, 0), mask.resize(self.image.size, Image.Resampling.BILINEAR))

    def mirror(self, horizon: float, tint: Colour, share: float) -> None:
        """Below the horizon, what stands above it, tinted, and broken into ripples that grow towards the viewer."""
        top = round(horizon)
        depth = self.height - top
        above = self.image.crop((0, max(0, top - depth), self.width, top)).transpose(Image.Transpose.FLIP_TOP_BOTTOM)
        above = Image.blend(above, Image.new("RGB", above.size, tint), share)
        band = max(2, self.oversampling * 2)
        for row in range(0, above.height, band):
            sway = math.sin(row * 0.09 / self.oversampling + self.chance.random()) * row / depth * self.unit * 0.010
            strip = above.crop((0, row, self.width, row + band))
            self.image.paste(ImageChops.offset(strip, round(sway), 0), (0, top + row))

    def finished(self) -> Image.Image:
        """The picture at the size that was asked for, a little darker towards its corners."""
        small = self.image.reduce(self.oversampling)
        shade = Image.radial_gradient("L").point([max(0, round((v - 120) * 0.30)) for v in range(256)])
        small.paste((14, 14, 30), (0, 0), shade.resize(small.size, Image.Resampling.BILINEAR))
        return small


def png(image: Image.Image) -> bytes:
    """As PNG, with nothing beside the pixels."""
    file = io.BytesIO()
    image.save(file, "PNG", compress_level=6)
    return file.getvalue()


class Pen:
    """Draws one object in its own measure: the origin is its foot, one unit its height, y grows upward."""

    def __init__(self, canvas: Canvas, foot: Point, height: float, *, mirrored: bool = False) -> None:
        self.canvas = canvas
        self.chance = canvas.chance
        self.foot = foot
        self.height = height
        self._across = -height if mirrored else height

    def at(self, x: float, y: float) -> Point:
        """A point of the object on the canvas."""
        return self.foot[0] + x * self._across, self.foot[1] - y * self.height

    def polygon(self, points: Sequence[Point], fill: Colour, opacity: float = 1.0) -> None:
        """A polygon with straight edges."""
        self.canvas.polygon([self.at(*point) for point in points], fill, opacity)

    def box(self, left: float, bottom: float, right: float, top: float, fill: Colour, opacity: float = 1.0) -> None:
        """An upright rectangle."""
        self.polygon([(left, bottom), (right, bottom), (right, top), (left, top)], fill, opacity)

    def ellipse(self, x: float, y: float, across: float, up: float, fill: Colour, opacity: float = 1.0) -> None:
        """An ellipse by centre and radii."""
        self.canvas.ellipse(self.at(x, y), (across * self.height, up * self.height), fill, opacity)

    def blob(self, points: Sequence[Point], fill: Colour, opacity: float = 1.0) -> None:
        """A closed shape that curves through its points."""
        self.polygon(_through(points, closed=True), fill, opacity)

    def curve(self, points: Sequence[Point], fill: Colour, width: float, opacity: float = 1.0) -> None:
        """A line that curves through its points; `width` in the object's measure."""
        path = _through(points, closed=False)
        self.canvas.line([self.at(*point) for point in path], fill, width * self.height, opacity)

    def shadow(self, width: float, opacity: float = 0.22) -> None:
        """On the ground, below."""
        self.ellipse(0.03, 0.0, width, width * 0.14, (14, 16, 34), opacity)


def _through(points: Sequence[Point], *, closed: bool, steps: int = 8) -> list[Point]:
    """A Catmull-Rom spline."""
    count = len(points)
    path: list[Point] = []
    for index in range(count if closed else count - 1):
        if closed:
            p0, p1, p2, p3 = (points[(index + shift) % count] for shift in (-1, 0, 1, 2))
        else:
            p0, p1, p2, p3 = (points[min(count - 1, max(0, index + shift))] for shift in (-1, 0, 1, 2))
        for step in range(steps):
            t = step / steps
            path.append((_spline(p0[0], p1[0], p2[0], p3[0], t), _spline(p0[1], p1[1], p2[1], p3[1], t)))
    if not closed:
        path.append(points[-1])
    return path


def _spline(a: float, b: float, c: float, d: float, t: float) -> float:
    return 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t * t + (3 * b - a - 3 * c + d) * t * t * t)
