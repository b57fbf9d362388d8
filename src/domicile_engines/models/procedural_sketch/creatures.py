"""Creatures, each drawn with a pen whose unit is the creature's height. Simple figures; nobody's portrait."""

import math

from domicile_engines.models.procedural_sketch.canvas import Pen
from domicile_engines.models.procedural_sketch.colours import NAMED, Colour, Palette, darker, lighter, mix

_INK: Colour = (34, 32, 40)


def draw_cat(pen: Pen, colour: Colour, palette: Palette) -> None:
    """Sitting, its tail around its side."""
    fur, belly = palette.lit(colour), palette.lit(lighter(colour, 0.45))
    pen.shadow(0.36)
    pen.curve([(0.20, 0.06), (0.42, 0.08), (0.46, 0.26), (0.36, 0.40)], darker(fur, 0.14), 0.085)
    pen.blob(
        [(-0.26, 0.0), (-0.27, 0.22), (-0.15, 0.50), (0, 0.58), (0.15, 0.50), (0.28, 0.22), (0.27, 0.0), (0, -0.02)],
        fur,
    )
    pen.blob([(-0.11, 0.04), (-0.12, 0.28), (0, 0.46), (0.12, 0.28), (0.11, 0.04)], belly)
    for x in (-0.085, 0.085):
        pen.curve([(x, 0.30), (x * 1.05, 0.16), (x, 0.04)], lighter(fur, 0.08), 0.105)
        pen.ellipse(x, 0.03, 0.085, 0.042, lighter(fur, 0.22))
    for side in (-1, 1):
        pen.polygon([(side * 0.20, 0.70), (side * 0.19, 0.99), (side * 0.03, 0.86)], fur)
        pen.polygon([(side * 0.17, 0.76), (side * 0.165, 0.92), (side * 0.07, 0.85)], palette.lit((226, 160, 160)))
    pen.ellipse(0, 0.70, 0.215, 0.185, fur)
    _face(pen, 0, 0.70, iris=(150, 190, 90) if sum(colour) < 330 else (90, 150, 90), slit=True)
    pen.polygon([(-0.025, 0.665), (0.025, 0.665), (0, 0.64)], (214, 128, 130))
    pen.curve([(-0.05, 0.615), (-0.02, 0.605), (0, 0.64), (0.02, 0.605), (0.05, 0.615)], _INK, 0.010)
    whisker = lighter(fur, 0.6) if sum(fur) < 380 else darker(fur, 0.5)
    for side in (-1, 1):
        for lift in (0.0, 0.035):
            pen.curve([(side * 0.07, 0.635 + lift * 0.6), (side * 0.30, 0.62 + lift)], whisker, 0.006)


def draw_dog(pen: Pen, colour: Colour, palette: Palette) -> None:
    """Sitting, with hanging ears."""
    fur, light = palette.lit(colour), palette.lit(lighter(colour, 0.4))
    pen.shadow(0.36)
    pen.curve([(0.22, 0.10), (0.40, 0.22), (0.44, 0.38)], fur, 0.07)
    pen.blob(
        [(-0.26, 0.0), (-0.26, 0.20), (-0.16, 0.52), (0, 0.60), (0.16, 0.52), (0.28, 0.20), (0.27, 0.0), (0, -0.02)],
        fur,
    )
    pen.blob([(-0.10, 0.06), (-0.12, 0.34), (0, 0.50), (0.12, 0.34), (0.10, 0.06)], light)
    for x in (-0.10, 0.10):
        pen.box(x - 0.05, 0.02, x + 0.05, 0.30, mix(fur, light, 0.25))
        pen.ellipse(x, 0.025, 0.08, 0.04, light)
    pen.ellipse(0, 0.74, 0.20, 0.20, fur)
    for side in (-1, 1):
        pen.blob(
            [(side * 0.15, 0.90), (side * 0.29, 0.82), (side * 0.29, 0.58), (side * 0.19, 0.60)], darker(fur, 0.28)
        )
    pen.ellipse(0, 0.655, 0.115, 0.095, light)
    _face(pen, 0, 0.76, iris=(92, 62, 40), slit=False)
    pen.ellipse(0, 0.69, 0.045, 0.032, _INK)
    pen.blob([(-0.035, 0.60), (-0.03, 0.55), (0, 0.53), (0.03, 0.55), (0.035, 0.60)], (224, 110, 118))
    pen.curve([(-0.08, 0.625), (0, 0.60), (0.08, 0.625)], _INK, 0.010)
    pen.curve([(-0.15, 0.56), (0, 0.52), (0.15, 0.56)], palette.lit(NAMED["red"]), 0.035)


def draw_fox(pen: Pen, colour: Colour, palette: Palette) -> None:
    """Sitting, with a brush of a tail."""
    fur, white = palette.lit(colour), palette.lit((250, 244, 234))
    pen.shadow(0.40)
    pen.blob([(0.16, 0.04), (0.46, 0.02), (0.58, 0.26), (0.50, 0.46), (0.36, 0.28)], fur)
    pen.blob([(0.50, 0.46), (0.58, 0.30), (0.52, 0.26), (0.45, 0.34)], white)
    pen.blob(
        [(-0.22, 0.0), (-0.22, 0.22), (-0.13, 0.50), (0, 0.58), (0.13, 0.50), (0.24, 0.22), (0.23, 0.0), (0, -0.02)],
        fur,
    )
    pen.blob([(-0.10, 0.16), (-0.11, 0.38), (0, 0.52), (0.11, 0.38), (0.10, 0.16), (0, 0.10)], white)
    for x in (-0.09, 0.09):
        pen.box(x - 0.045, 0.0, x + 0.045, 0.14, darker(fur, 0.55))
    for side in (-1, 1):
        pen.polygon([(side * 0.21, 0.74), (side * 0.20, 1.0), (side * 0.04, 0.86)], fur)
        pen.polygon([(side * 0.18, 0.82), (side * 0.18, 0.94), (side * 0.09, 0.86)], darker(fur, 0.5))
    pen.blob(
        [(-0.25, 0.72), (-0.14, 0.86), (0, 0.89), (0.14, 0.86), (0.25, 0.72), (0.08, 0.60), (0, 0.54), (-0.08, 0.60)],
        fur,
    )
    for side in (-1, 1):
        pen.blob([(side * 0.24, 0.715), (side * 0.10, 0.70), (side * 0.01, 0.56), (side * 0.08, 0.605)], white)
    _face(pen, 0, 0.745, iris=(120, 76, 30), slit=True)
    pen.ellipse(0, 0.565, 0.034, 0.026, _INK)


def draw_rabbit(pen: Pen, colour: Colour, palette: Palette) -> None:
    """Upright, both ears up."""
    fur, pink = palette.lit(colour), palette.lit((232, 168, 172))
    pen.shadow(0.26)
    pen.ellipse(0.21, 0.12, 0.075, 0.075, lighter(fur, 0.35))
    pen.blob(
        [(-0.20, 0.0), (-0.22, 0.18), (-0.12, 0.38), (0, 0.44), (0.12, 0.38), (0.22, 0.18), (0.20, 0.0), (0, -0.02)],
        fur,
    )
    pen.ellipse(0, 0.18, 0.11, 0.15, lighter(fur, 0.3))
    for side in (-1, 1):
        pen.blob(
            [(side * 0.04, 0.62), (side * 0.05, 0.90), (side * 0.11, 1.0), (side * 0.15, 0.88), (side * 0.13, 0.62)],
            fur,
        )
        pen.blob(
            [(side * 0.07, 0.66), (side * 0.08, 0.87), (side * 0.105, 0.94), (side * 0.125, 0.86), (side * 0.11, 0.66)],
            pink,
        )
        pen.ellipse(side * 0.10, 0.02, 0.085, 0.04, lighter(fur, 0.2))
    pen.ellipse(0, 0.54, 0.165, 0.145, fur)
    _face(pen, 0, 0.555, iris=(80, 54, 44), slit=False)
    pen.ellipse(0, 0.505, 0.022, 0.016, pink)
    pen.curve([(-0.035, 0.465), (0, 0.485), (0.035, 0.465)], _INK, 0.008)


def draw_sheep(pen: Pen, colour: Colour, palette: Palette) -> None:
    """A cloud on four legs."""
    wool, dark = palette.lit(colour), palette.lit((64, 58, 60))
    pen.shadow(0.55)
    for x in (-0.32, -0.18, 0.18, 0.32):
        pen.box(x - 0.035, 0, x + 0.035, 0.35, dark)
    for shade, lift, size in ((darker(wool, 0.16), 0.0, 1.0), (wool, 0.03, 0.86)):
        for index in range(12):
            angle = 2 * math.pi * index / 12
            pen.ellipse(math.cos(angle) * 0.36, 0.55 + lift + math.sin(angle) * 0.20, 0.17 * size, 0.16 * size, shade)
        pen.ellipse(0, 0.55 + lift, 0.40 * size, 0.26 * size, shade)
    pen.blob([(-0.66, 0.62), (-0.62, 0.82), (-0.46, 0.86), (-0.38, 0.70), (-0.48, 0.54), (-0.60, 0.52)], dark)
    pen.ellipse(-0.45, 0.86, 0.13, 0.075, wool)
    pen.blob([(-0.42, 0.80), (-0.28, 0.78), (-0.30, 0.70)], darker(dark, 0.2))
    pen.ellipse(-0.55, 0.74, 0.026, 0.03, (246, 246, 240))
    pen.ellipse(-0.556, 0.737, 0.013, 0.017, _INK)


def draw_bird(pen: Pen, colour: Colour, palette: Palette) -> None:
    """In flight, seen from the side."""
    body = palette.lit(colour)
    pen.blob([(-0.50, 0.52), (-0.30, 0.62), (0.10, 0.60), (0.55, 0.44), (0.10, 0.38), (-0.30, 0.42)], body)
    pen.polygon([(0.42, 0.48), (0.85, 0.55), (0.78, 0.40), (0.42, 0.42)], darker(body, 0.2))
    pen.blob([(-0.15, 0.54), (0.05, 0.95), (0.42, 1.12), (0.30, 0.80), (0.22, 0.52)], darker(body, 0.16))
    pen.blob([(-0.05, 0.50), (0.12, 0.12), (0.40, -0.04), (0.34, 0.28), (0.24, 0.48)], lighter(body, 0.12))
    pen.polygon([(-0.47, 0.56), (-0.66, 0.50), (-0.47, 0.48)], palette.lit((240, 168, 60)))
    pen.ellipse(-0.36, 0.545, 0.028, 0.028, _INK)


def draw_owl(pen: Pen, colour: Colour, palette: Palette) -> None:
    """Facing the viewer."""
    body, light = palette.lit(colour), palette.lit(lighter(colour, 0.5))
    pen.shadow(0.26)
    pen.blob(
        [(-0.28, 0.10), (-0.31, 0.5), (-0.24, 0.86), (0, 0.94), (0.24, 0.86), (0.31, 0.5), (0.28, 0.10), (0, 0.0)], body
    )
    for side in (-1, 1):
        pen.polygon([(side * 0.25, 0.80), (side * 0.24, 1.02), (side * 0.06, 0.92)], body)
        pen.blob(
            [(side * 0.27, 0.66), (side * 0.36, 0.38), (side * 0.24, 0.10), (side * 0.18, 0.40)], darker(body, 0.25)
        )
    pen.blob([(-0.17, 0.10), (-0.18, 0.42), (0, 0.56), (0.18, 0.42), (0.17, 0.10), (0, 0.05)], light)
    for row in range(4):
        for column in range(-2, 3):
            pen.ellipse(column * 0.065 + (row % 2) * 0.03, 0.14 + row * 0.085, 0.02, 0.014, darker(light, 0.3))
    for side in (-1, 1):
        pen.ellipse(side * 0.115, 0.72, 0.125, 0.125, light)
        pen.ellipse(side * 0.115, 0.72, 0.075, 0.075, (244, 186, 62))
        pen.ellipse(side * 0.115, 0.72, 0.040, 0.042, _INK)
        pen.ellipse(side * 0.10, 0.74, 0.014, 0.014, (255, 255, 255))
        pen.ellipse(side * 0.10, 0.02, 0.075, 0.03, (236, 160, 60))
    pen.polygon([(-0.035, 0.665), (0.035, 0.665), (0, 0.585)], (236, 150, 52))


def draw_duck(pen: Pen, colour: Colour, palette: Palette) -> None:
    """Swimming."""
    body = palette.lit(colour)
    pen.ellipse(0, 0.10, 0.62, 0.06, lighter(palette.water, 0.3), 0.6)
    pen.blob(
        [
            (-0.50, 0.30),
            (-0.30, 0.10),
            (0.20, 0.08),
            (0.50, 0.24),
            (0.66, 0.48),
            (0.36, 0.42),
            (0.0, 0.48),
            (-0.30, 0.46),
        ],
        body,
    )
    pen.blob([(-0.10, 0.38), (0.20, 0.42), (0.46, 0.34), (0.20, 0.20), (-0.08, 0.24)], darker(body, 0.14))
    pen.blob([(-0.46, 0.34), (-0.48, 0.62), (-0.40, 0.66), (-0.26, 0.56), (-0.22, 0.38)], body)
    pen.ellipse(-0.36, 0.74, 0.17, 0.16, body)
    pen.blob([(-0.50, 0.76), (-0.70, 0.72), (-0.68, 0.66), (-0.49, 0.67)], palette.lit((238, 140, 48)))
    pen.ellipse(-0.40, 0.78, 0.028, 0.03, _INK)


def draw_fish(pen: Pen, colour: Colour, palette: Palette) -> None:
    """From the side, with stripes."""
    body = mix(colour, palette.light, 0.06)
    pen.polygon([(0.45, 0.5), (0.85, 0.85), (0.76, 0.5), (0.85, 0.15)], darker(body, 0.15))
    pen.blob([(-0.20, 0.80), (0.10, 1.02), (0.36, 0.78)], darker(body, 0.2))
    pen.blob(
        [(-0.70, 0.5), (-0.42, 0.78), (0, 0.86), (0.38, 0.66), (0.52, 0.5), (0.38, 0.34), (0, 0.14), (-0.42, 0.22)],
        body,
    )
    pen.blob([(-0.64, 0.44), (-0.40, 0.26), (0, 0.17), (0.36, 0.35), (0, 0.34), (-0.40, 0.38)], lighter(body, 0.35))
    for x in (-0.12, 0.14):
        pen.blob([(x, 0.78), (x + 0.07, 0.5), (x, 0.22), (x - 0.05, 0.5)], lighter(body, 0.6))
    pen.blob([(-0.10, 0.48), (0.12, 0.44), (0.05, 0.28)], darker(body, 0.22))
    pen.ellipse(-0.46, 0.58, 0.075, 0.075, (255, 255, 250))
    pen.ellipse(-0.48, 0.58, 0.038, 0.042, _INK)


def draw_whale(pen: Pen, colour: Colour, palette: Palette) -> None:
    """Its back above the water, and its breath."""
    skin = palette.lit(colour)
    for lean in (-0.28, -0.12, 0.12, 0.28):
        pen.curve([(-0.35, 0.72), (-0.35 + lean * 0.5, 1.1), (-0.35 + lean, 0.98)], lighter(palette.water, 0.7), 0.035)
    pen.blob(
        [(-1.0, 0.10), (-0.92, 0.46), (-0.50, 0.70), (0.10, 0.62), (0.60, 0.26), (0.90, 0.36), (1.05, 0.04), (0, 0.0)],
        skin,
    )
    pen.blob([(0.82, 0.30), (0.78, 0.66), (1.00, 0.50), (1.26, 0.68), (1.18, 0.36), (0.98, 0.26)], darker(skin, 0.1))
    pen.blob([(-0.98, 0.08), (-0.86, 0.22), (-0.40, 0.22), (0.10, 0.10), (-0.3, 0.0), (-0.7, 0.0)], lighter(skin, 0.5))
    pen.ellipse(-0.66, 0.34, 0.032, 0.036, _INK)
    pen.ellipse(0, 0.0, 1.25, 0.05, lighter(palette.water, 0.3), 0.7)


def draw_butterfly(pen: Pen, colour: Colour, palette: Palette) -> None:
    """Wings open."""
    wing = mix(colour, palette.light, 0.08)
    for side in (-1, 1):
        pen.blob([(0, 0.52), (side * 0.22, 0.92), (side * 0.56, 0.98), (side * 0.54, 0.66), (side * 0.20, 0.48)], wing)
        pen.blob(
            [(0, 0.48), (side * 0.30, 0.46), (side * 0.42, 0.24), (side * 0.24, 0.08), (side * 0.06, 0.28)],
            darker(wing, 0.16),
        )
        pen.ellipse(side * 0.36, 0.78, 0.085, 0.085, lighter(wing, 0.5))
        pen.ellipse(side * 0.26, 0.28, 0.055, 0.055, lighter(wing, 0.4))
        pen.curve([(0, 0.66), (side * 0.08, 0.84), (side * 0.14, 0.90)], _INK, 0.014)
    pen.ellipse(0, 0.48, 0.035, 0.22, _INK)


def draw_person(pen: Pen, colour: Colour, palette: Palette) -> None:
    """Standing, seen from far enough that a coat and a head are enough."""
    coat = palette.lit(colour)
    skin = palette.lit(pen.chance.choice(((236, 196, 164), (198, 148, 112), (140, 98, 72), (96, 66, 50))))
    trousers = palette.lit((58, 64, 88))
    pen.shadow(0.20)
    for side in (-1, 1):
        pen.polygon([(side * 0.02, 0.40), (side * 0.11, 0.40), (side * 0.10, 0.03), (side * 0.03, 0.03)], trousers)
        pen.ellipse(side * 0.075, 0.025, 0.06, 0.026, _INK)
        pen.curve([(side * 0.12, 0.72), (side * 0.19, 0.56), (side * 0.18, 0.42)], darker(coat, 0.14), 0.06)
        pen.ellipse(side * 0.18, 0.40, 0.03, 0.032, skin)
    pen.blob([(-0.13, 0.34), (-0.14, 0.66), (-0.08, 0.79), (0.08, 0.79), (0.14, 0.66), (0.13, 0.34), (0, 0.32)], coat)
    pen.box(-0.03, 0.76, 0.03, 0.84, darker(skin, 0.12))
    pen.ellipse(0, 0.895, 0.085, 0.10, skin)
    hair = pen.chance.choice(((54, 40, 34), (104, 72, 44), (200, 160, 90), (40, 40, 46)))
    pen.blob(
        [(-0.095, 0.88), (-0.09, 0.97), (0, 1.01), (0.09, 0.97), (0.095, 0.88), (0.05, 0.94), (-0.05, 0.945)],
        palette.lit(hair),
    )
    for side in (-1, 1):
        pen.ellipse(side * 0.032, 0.895, 0.010, 0.012, _INK)
    pen.curve([(-0.025, 0.853), (0, 0.846), (0.025, 0.853)], (160, 80, 76), 0.008)


def draw_astronaut(pen: Pen, colour: Colour, palette: Palette) -> None:
    """A white suit with a visor in which the light stands."""
    suit = mix(colour, (240, 242, 246), 0.6)
    pen.box(-0.20, 0.42, 0.20, 0.78, darker(suit, 0.35))
    for side in (-1, 1):
        pen.curve([(side * 0.09, 0.36), (side * 0.11, 0.18), (side * 0.12, 0.06)], suit, 0.14)
        pen.ellipse(side * 0.13, 0.04, 0.10, 0.045, darker(suit, 0.3))
        pen.curve([(side * 0.16, 0.68), (side * 0.30, 0.56), (side * 0.34, 0.70)], suit, 0.11)
        pen.ellipse(side * 0.34, 0.73, 0.06, 0.06, darker(suit, 0.22))
    pen.blob([(-0.18, 0.34), (-0.19, 0.66), (-0.10, 0.76), (0.10, 0.76), (0.19, 0.66), (0.18, 0.34), (0, 0.30)], suit)
    pen.box(-0.09, 0.50, 0.09, 0.62, darker(suit, 0.16))
    for index, light in enumerate(("red", "green", "blue")):
        pen.ellipse(-0.05 + index * 0.05, 0.57, 0.016, 0.016, NAMED[light])
    pen.ellipse(0, 0.84, 0.18, 0.17, suit)
    pen.ellipse(0, 0.835, 0.135, 0.115, (44, 56, 92))
    pen.blob([(-0.10, 0.86), (-0.05, 0.91), (0.03, 0.92), (-0.04, 0.87)], (180, 210, 244))


def draw_robot(pen: Pen, colour: Colour, palette: Palette) -> None:
    """Boxes, two lamps for eyes, an antenna."""
    metal = palette.lit(colour)
    pen.shadow(0.26)
    for side in (-1, 1):
        pen.box(side * 0.10 - 0.05, 0.04, side * 0.10 + 0.05, 0.30, darker(metal, 0.3))
        pen.box(side * 0.11 - 0.08, 0.0, side * 0.11 + 0.08, 0.06, darker(metal, 0.45))
        pen.curve([(side * 0.24, 0.56), (side * 0.34, 0.46), (side * 0.34, 0.34)], darker(metal, 0.3), 0.06)
        pen.ellipse(side * 0.34, 0.31, 0.05, 0.05, darker(metal, 0.45))
    pen.box(-0.24, 0.28, 0.24, 0.62, metal)
    pen.box(0.10, 0.28, 0.24, 0.62, darker(metal, 0.12))
    pen.box(-0.14, 0.36, 0.08, 0.52, darker(metal, 0.4))
    for index, light in enumerate(("red", "yellow", "green")):
        pen.ellipse(-0.09 + index * 0.06, 0.44, 0.022, 0.022, NAMED[light])
    pen.box(-0.05, 0.60, 0.05, 0.68, darker(metal, 0.35))
    pen.box(-0.20, 0.66, 0.20, 0.92, lighter(metal, 0.10))
    for side in (-1, 1):
        pen.ellipse(side * 0.09, 0.80, 0.055, 0.055, (250, 240, 190))
        pen.ellipse(side * 0.09, 0.80, 0.026, 0.026, (66, 140, 190))
    for index in range(5):
        pen.box(-0.10 + index * 0.04, 0.695, -0.075 + index * 0.04, 0.73, darker(metal, 0.5))
    pen.curve([(0, 0.92), (0, 0.99)], darker(metal, 0.4), 0.018)
    pen.ellipse(0, 1.0, 0.03, 0.03, NAMED["red"])


def draw_snowman(pen: Pen, _colour: Colour, palette: Palette) -> None:
    """Three balls and a hat."""
    snow = palette.lit((248, 250, 255))
    pen.shadow(0.30)
    for y, radius in ((0.22, 0.25), (0.54, 0.18), (0.78, 0.13)):
        pen.ellipse(0, y, radius, radius, darker(snow, 0.13))
        pen.ellipse(-0.025, y + 0.02, radius * 0.90, radius * 0.90, snow)
    for side in (-1, 1):
        pen.curve([(side * 0.16, 0.58), (side * 0.34, 0.68), (side * 0.40, 0.78)], (96, 70, 50), 0.018)
        pen.ellipse(side * 0.045, 0.81, 0.016, 0.018, _INK)
    for y in (0.46, 0.53, 0.60):
        pen.ellipse(0, y, 0.016, 0.016, _INK)
    pen.polygon([(0, 0.79), (0, 0.755), (-0.14, 0.765)], (238, 132, 48))
    pen.curve([(-0.12, 0.69), (0, 0.665), (0.12, 0.69)], NAMED["red"], 0.05)
    pen.polygon([(0.05, 0.67), (0.12, 0.66), (0.14, 0.50), (0.07, 0.50)], darker(NAMED["red"], 0.15))
    pen.box(-0.15, 0.88, 0.15, 0.905, _INK)
    pen.box(-0.095, 0.90, 0.095, 1.02, _INK)


def _face(pen: Pen, x: float, y: float, *, iris: Colour, slit: bool) -> None:
    for side in (-1, 1):
        centre = x + side * 0.085
        pen.ellipse(centre, y + 0.015, 0.042, 0.040, (252, 252, 246))
        pen.ellipse(centre, y + 0.013, 0.034, 0.035, iris)
        pen.ellipse(centre, y + 0.013, 0.012 if slit else 0.022, 0.031 if slit else 0.024, _INK)
        pen.ellipse(centre - 0.012, y + 0.028, 0.009, 0.009, (255, 255, 255))
