"""Colours: names, mixing, and the palettes that a time of day and a season give a picture."""

import colorsys
from dataclasses import dataclass, replace

Colour = tuple[int, int, int]

NAMED: dict[str, Colour] = {
    "red": (206, 57, 52),
    "orange": (236, 133, 45),
    "yellow": (245, 200, 66),
    "green": (74, 148, 84),
    "blue": (56, 110, 190),
    "purple": (124, 82, 160),
    "pink": (236, 138, 165),
    "brown": (124, 86, 58),
    "black": (38, 38, 44),
    "white": (246, 244, 238),
    "grey": (140, 144, 150),
    "turquoise": (58, 170, 170),
    "gold": (224, 176, 70),
    "silver": (190, 196, 204),
}


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """`first`, with a share of 0 to 1 of `second`."""
    share = min(1.0, max(0.0, share))
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


def lighter(colour: Colour, share: float = 0.25) -> Colour:
    """Towards white."""
    return mix(colour, (255, 255, 250), share)


def darker(colour: Colour, share: float = 0.25) -> Colour:
    """Towards a bluish black, as shadows are."""
    return mix(colour, (16, 18, 36), share)


def saturated(colour: Colour, factor: float) -> Colour:
    """With its saturation times `factor`."""
    hue, saturation, value = colorsys.rgb_to_hsv(*(part / 255 for part in colour))
    red, green, blue = colorsys.hsv_to_rgb(hue, min(1.0, saturation * factor), value)
    return round(red * 255), round(green * 255), round(blue * 255)


@dataclass(frozen=True, slots=True)
class Palette:
    """The colours that everything in one picture is made from."""

    sky_top: Colour
    sky_middle: Colour
    sky_low: Colour
    light: Colour
    """Of the sun or moon, and of what they shine on."""
    far: Colour
    near: Colour
    """Of land, between which distance mixes."""
    water: Colour
    foliage: Colour
    is_night: bool = False

    def lit(self, colour: Colour) -> Colour:
        """An object's own colour under this light."""
        return mix(darker(colour, 0.45), self.far, 0.12) if self.is_night else mix(colour, self.light, 0.10)

    def at_distance(self, colour: Colour, distance: float) -> Colour:
        """Further away (0 to 1) means more of the air's colour."""
        return mix(colour, mix(self.sky_low, self.far, 0.35), distance * 0.75)


_TIMES: dict[str, Palette] = {
    "dawn": Palette(
        (112, 142, 196), (232, 186, 190), (255, 224, 190), (255, 236, 200),
        (166, 160, 190), (86, 112, 104), (150, 172, 204), (104, 140, 96),
    ),
    "day": Palette(
        (66, 140, 208), (138, 192, 230), (222, 238, 242), (255, 246, 208),
        (150, 184, 204), (92, 152, 86), (62, 138, 182), (72, 136, 74),
    ),
    "sunset": Palette(
        (74, 62, 122), (226, 112, 98), (255, 200, 120), (255, 226, 150),
        (152, 92, 122), (62, 52, 82), (150, 88, 116), (86, 84, 70),
    ),
    "dusk": Palette(
        (36, 44, 92), (104, 88, 150), (236, 156, 146), (255, 222, 190),
        (94, 88, 142), (40, 48, 78), (74, 76, 128), (58, 78, 80),
    ),
    "night": Palette(
        (10, 16, 42), (24, 38, 80), (58, 80, 126), (240, 240, 222),
        (44, 60, 100), (16, 26, 46), (22, 40, 78), (26, 50, 56), True,
    ),
    "overcast": Palette(
        (120, 134, 148), (166, 178, 186), (208, 214, 214), (236, 238, 234),
        (150, 164, 170), (86, 114, 96), (110, 136, 150), (84, 116, 86),
    ),
}  # fmt: skip
TIMES = tuple(_TIMES)

_SEASONS: dict[str, tuple[Colour, Colour, float]] = {
    # The foliage, the land nearby, and how much of it they take over.
    "spring": ((240, 168, 186), (132, 182, 96), 0.55),
    "summer": ((66, 140, 66), (116, 166, 78), 0.35),
    "autumn": ((214, 118, 46), (176, 138, 74), 0.70),
    "winter": ((176, 196, 206), (232, 238, 244), 0.85),
}


def palette_of(time: str, season: str | None, style: str) -> Palette:
    """The palette of a time of day in a season; `style` is vivid or natural, as in OpenAI's API."""
    palette = _TIMES[time]
    if season is not None:
        foliage, ground, share = _SEASONS[season]
        if palette.is_night:
            foliage, ground = darker(foliage, 0.55), darker(ground, 0.5)
        elif time in ("sunset", "dusk"):
            foliage, ground = mix(foliage, palette.near, 0.35), mix(ground, palette.near, 0.4)
        palette = replace(
            palette,
            foliage=mix(palette.foliage, foliage, share),
            near=mix(palette.near, ground, share),
            far=mix(palette.far, ground, share * 0.35),
        )
    factor = 1.18 if style == "vivid" else 0.72
    return replace(
        palette,
        sky_top=saturated(palette.sky_top, factor),
        sky_middle=saturated(palette.sky_middle, factor),
        sky_low=saturated(palette.sky_low, factor),
        light=saturated(palette.light, factor),
        far=saturated(palette.far, factor),
        near=saturated(palette.near, factor),
        water=saturated(palette.water, factor),
        foliage=saturated(palette.foliage, factor),
    )
