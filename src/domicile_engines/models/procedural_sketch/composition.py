"""A scene composed on a canvas: sky, ground, then each thing in its place, the far ones first."""

import hashlib
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image

from domicile_engines.models.procedural_sketch import creatures, plants, things
from domicile_engines.models.procedural_sketch.canvas import Canvas, Pen
from domicile_engines.models.procedural_sketch.colours import NAMED, Colour, Palette, darker, palette_of
from domicile_engines.models.procedural_sketch.land import Ground, draw_land, draw_water, hill
from domicile_engines.models.procedural_sketch.places import draw_city, draw_interior, draw_space, draw_underwater
from domicile_engines.models.procedural_sketch.scene import SHAPES, Item, Scene
from domicile_engines.models.procedural_sketch.shapes import default_colour, draw_abstract, draw_paper, draw_shape
from domicile_engines.models.procedural_sketch.sky import draw_birds_far, draw_precipitation, draw_sky

Draw = Callable[[Pen, Colour, Palette], None]


@dataclass(frozen=True, slots=True)
class Kind:
    """How one kind of thing is drawn: by what, in which colour, how tall (in shares of the shorter side), and where."""

    draw: Draw
    colour: str
    height: float
    home: str = "ground"
    leafy: bool = False


KINDS: dict[str, Kind] = {
    "tree": Kind(plants.draw_tree, "green", 0.34, leafy=True),
    "pine": Kind(plants.draw_pine, "green", 0.36, leafy=True),
    "palm": Kind(plants.draw_palm, "green", 0.40, leafy=True),
    "cactus": Kind(plants.draw_cactus, "green", 0.26, leafy=True),
    "bush": Kind(plants.draw_bush, "green", 0.09, leafy=True),
    "flower": Kind(plants.draw_flower, "red", 0.13),
    "tulip": Kind(plants.draw_tulip, "red", 0.14),
    "sunflower": Kind(plants.draw_sunflower, "yellow", 0.24),
    "mushroom": Kind(plants.draw_mushroom, "red", 0.13),
    "house": Kind(things.draw_house, "white", 0.24),
    "castle": Kind(things.draw_castle, "grey", 0.36),
    "lighthouse": Kind(things.draw_lighthouse, "red", 0.42),
    "windmill": Kind(things.draw_windmill, "white", 0.34),
    "pyramid": Kind(things.draw_pyramid, "gold", 0.24),
    "tent": Kind(things.draw_tent, "orange", 0.14),
    "boat": Kind(things.draw_boat, "red", 0.22, "water"),
    "car": Kind(things.draw_car, "red", 0.12),
    "balloon": Kind(things.draw_balloon, "red", 0.26, "sky"),
    "rocket": Kind(things.draw_rocket, "red", 0.36, "sky"),
    "plane": Kind(things.draw_plane, "white", 0.07, "sky"),
    "planet": Kind(things.draw_planet, "orange", 0.24, "sky"),
    "lamp": Kind(things.draw_lamp, "black", 0.34),
    "cup": Kind(things.draw_cup, "white", 0.17),
    "vase": Kind(things.draw_vase, "blue", 0.40),
    "apple": Kind(things.draw_apple, "red", 0.12),
    "book": Kind(things.draw_book, "blue", 0.10),
    "umbrella": Kind(things.draw_umbrella, "red", 0.26),
    "cat": Kind(creatures.draw_cat, "orange", 0.28),
    "dog": Kind(creatures.draw_dog, "brown", 0.29),
    "fox": Kind(creatures.draw_fox, "orange", 0.28),
    "rabbit": Kind(creatures.draw_rabbit, "grey", 0.24),
    "sheep": Kind(creatures.draw_sheep, "white", 0.17),
    "bird": Kind(creatures.draw_bird, "white", 0.08, "sky"),
    "owl": Kind(creatures.draw_owl, "brown", 0.24),
    "duck": Kind(creatures.draw_duck, "white", 0.13, "water"),
    "fish": Kind(creatures.draw_fish, "orange", 0.12, "water"),
    "whale": Kind(creatures.draw_whale, "blue", 0.18, "water"),
    "butterfly": Kind(creatures.draw_butterfly, "orange", 0.10, "sky"),
    "person": Kind(creatures.draw_person, "blue", 0.30),
    "astronaut": Kind(creatures.draw_astronaut, "white", 0.34),
    "robot": Kind(creatures.draw_robot, "turquoise", 0.32),
    "snowman": Kind(creatures.draw_snowman, "white", 0.28),
}
_LIGHTS = frozenset({"sun", "moon", "crescent"})
_SIZES = {"small": 0.62, "large": 1.5, None: 1.0}
_BY_WEIGHT = (
    "space", "underwater", "interior", "abstract", "lake", "beach", "city", "forest", "desert", "sea", "mountains", "village",
    "hills",
)  # fmt: skip
"""Of several settings in one prompt, the one that the picture is about."""
_USUALLY_IN = (
    (("planet", "astronaut", "rocket"), "space"),
    (("fish",), "underwater"),
    (("boat", "whale", "lighthouse"), "sea"),
    (("duck",), "lake"),
    (("palm", "umbrella"), "beach"),
    (("cactus", "pyramid"), "desert"),
    (("cup", "vase", "book", "apple"), "interior"),
    (("car", "lamp"), "city"),
    (("mushroom", "owl"), "forest"),
    (("castle",), "mountains"),
)


def draw_scene(
    scene: Scene, size: tuple[int, int], *, seed: bytes, style: str, hd: bool, left: threading.Event
) -> Image.Image:
    """The picture. The same arguments give the same pixels; a time of day that the prompt
    left open is filled in. Raises `ClientLeftError` soon after `left` is set."""
    # Not for secrets: for pictures that differ, and can be drawn again.
    chance = random.Random(hashlib.sha256(seed).digest())
    canvas = Canvas(size, 3 if hd else 2, chance, left)
    detail = 2 if hd else 1
    canvas.light_share = _light_share(scene, chance)
    scene.time = scene.time or _time_of(scene, chance)
    palette = palette_of(scene.time, scene.season, style)
    if scene.shapes_only:
        draw_paper(canvas, palette)
        _arrange_shapes(canvas, scene, palette)
        return canvas.finished()
    setting = setting_of(scene)
    if setting == "abstract":
        draw_abstract(canvas, palette, detail)
        _arrange_shapes(canvas, scene, palette)
        return canvas.finished()
    ground = _draw_setting(canvas, scene, setting, palette, detail)
    canvas.layer()
    if "fog" in scene.weather:
        _draw_fog(canvas, palette, (0.55, 0.68))
    _draw_items(canvas, scene, palette, ground, setting)
    if "fog" in scene.weather:
        _draw_fog(canvas, palette, (0.90,))
    draw_precipitation(canvas, scene, detail)
    return canvas.finished()


def setting_of(scene: Scene) -> str:
    """The place that a prompt names, or that its things are usually found in."""
    if {"mountains", "sea"} <= set(scene.settings):
        return "lake"
    named = [setting for setting in _BY_WEIGHT if setting in scene.settings]
    usual = [setting for kinds, setting in _USUALLY_IN if scene.has(*kinds)]
    if named or usual:
        return (named or usual)[0]
    says_something = scene.items or scene.weather or scene.sky_colour or scene.season
    return "hills" if says_something or (scene.time and not scene.unknown) else "abstract"


def _time_of(scene: Scene, chance: random.Random) -> str:
    if scene.has("moon", "crescent") or "stars" in scene.weather or "aurora" in scene.weather:
        return "night"
    if "rain" in scene.weather or "fog" in scene.weather:
        return "overcast"
    return chance.choice(("day", "day", "day", "sunset", "dawn"))


def _light_share(scene: Scene, chance: random.Random) -> float:
    share = chance.choice((0.27, 0.72))
    for item in scene.items:
        if item.kind in _LIGHTS:
            share = {"left": 0.20, "right": 0.80, "middle": 0.5}.get(item.place or "", share)
    return share


def _draw_setting(canvas: Canvas, scene: Scene, setting: str, palette: Palette, detail: int) -> Ground:
    if setting == "space":
        return draw_space(canvas, detail)
    if setting == "underwater":
        return draw_underwater(canvas, palette, detail)
    if setting == "interior":
        return draw_interior(canvas, palette, detail)
    upright = canvas.height > canvas.width
    horizon = canvas.height * (0.62 if upright else 0.60)
    draw_sky(canvas, scene, palette, horizon, detail)
    canvas.box(0, horizon, canvas.width, canvas.height, palette.at_distance(palette.near, 0.8))
    if setting == "city":
        return draw_city(canvas, palette, horizon, detail)
    if setting in ("sea", "beach") and "mountains" in scene.settings:
        setting = "lake"
    ground = draw_land(canvas, setting, palette, horizon, detail)
    if ground.water is None and scene.has(*(name for name, kind in KINDS.items() if kind.home == "water")):
        # Boats and ducks need water wherever they are: a broad stream in front.
        top, bottom = canvas.height - canvas.unit * 0.26, canvas.height - canvas.unit * 0.05
        draw_water(canvas, palette, top, bottom, detail)
        hill(canvas, bottom, canvas.unit * 0.02, darker(palette.near, 0.15), 1.2)
        ground = Ground(ground.far, top - canvas.unit * 0.01, (top + canvas.unit * 0.05, bottom - canvas.unit * 0.03))
    if setting not in ("city",) and not palette.is_night and "rain" not in scene.weather:
        draw_birds_far(canvas, palette, horizon, 5)
    return ground


def _draw_fog(canvas: Canvas, palette: Palette, heights: tuple[float, ...]) -> None:
    for height in heights:
        blobs = [((canvas.width / 2, canvas.height * height), (canvas.width, canvas.unit * 0.06))]
        canvas.soft(blobs, palette.sky_low, 0.55, canvas.unit * 0.07)


@dataclass(slots=True)
class _Placed:
    """One thing to be drawn: its foot (x, y), its height, in drawn pixels."""

    item: Item
    x: float
    y: float
    height: float
    colour: Colour
    layer: int


def _draw_items(canvas: Canvas, scene: Scene, palette: Palette, ground: Ground, setting: str) -> None:
    drawn = [item for item in scene.items if item.kind not in _LIGHTS and item.kind != "sky"]
    if setting == "village" and not scene.has("house"):
        drawn.append(Item("house", "houses", 6, place="middle"))
    closeness = 1.5 if setting in ("interior", "underwater") else 1.0
    placed: list[_Placed] = []
    for number, item in enumerate(drawn):
        placed += _place(canvas, item, number, len(drawn), palette, ground, placed)
    for one in sorted(placed, key=lambda each: (each.layer, each.y)):
        canvas.layer()
        pen = Pen(canvas, (one.x, one.y), one.height * closeness, mirrored=canvas.chance.random() < 0.5)
        if one.item.kind in SHAPES:
            draw_shape(pen, one.item.kind, one.colour)
        else:
            KINDS[one.item.kind].draw(pen, one.colour, palette)


def _place(
    canvas: Canvas, item: Item, number: int, items: int, palette: Palette, ground: Ground, earlier: list[_Placed]
) -> list[_Placed]:
    chance = canvas.chance
    kind = KINDS.get(item.kind) or Kind(plants.draw_bush, "red", 0.16, "sky")
    home = kind.home if kind.home != "water" or ground.water is not None else "ground"
    low, high = _band(canvas, ground, home)
    middle = _middle_of(item, number, items, earlier, canvas.width)
    spread = canvas.width * (0.46 if item.count > 6 else 0.34 if item.count > 2 else 0.13)
    if item.place in ("left", "right"):
        spread *= 0.5
    crowd = 1.0 if item.count <= 2 else 0.78 if item.count <= 6 else 0.62
    placed = []
    for index in range(item.count):
        slot = 0.0 if item.count == 1 else (2 * (index + 0.5) / item.count - 1)
        x = middle + slot * spread + chance.gauss(0, canvas.unit * 0.015)
        depth = {"back": 0.12, "front": 0.95}.get(item.place or "", chance.uniform(0.30, 0.85))
        if home == "sky":
            depth = {"top": 0.1, "bottom": 0.9}.get(item.place or "", chance.uniform(0.15, 0.75))
        y = low + (high - low) * depth
        height = canvas.unit * kind.height * _SIZES[item.size] * crowd
        height *= 0.80 + 0.35 * depth if home != "sky" else chance.uniform(0.85, 1.1)
        if items == 1 and item.count == 1 and kind.home != "sky":
            height *= 1.45
        y = max(y, height * 1.12)
        colour = _colour_of(item, index, kind, palette)
        placed.append(_Placed(item, min(canvas.width * 0.96, max(canvas.width * 0.04, x)), y, height, colour,
                              0 if home == "sky" else 1))  # fmt: skip
    return placed


def _band(canvas: Canvas, ground: Ground, home: str) -> tuple[float, float]:
    if home == "sky":
        return canvas.height * 0.16, max(canvas.height * 0.30, min(ground.far, ground.near) * 0.80)
    if home == "water" and ground.water is not None:
        return ground.water
    return ground.far, ground.near


def _middle_of(item: Item, number: int, items: int, earlier: list[_Placed], width: float) -> float:
    share = {"left": 0.22, "right": 0.78, "middle": 0.5}.get(item.place or "")
    if share is None:
        even = (number + 0.5) / items
        # Neighbours in the prompt should not stand on one another: from the middle outward.
        share = 0.5 if items == 1 else 0.16 + 0.68 * even
        for other in earlier:
            if other.item.target is item and other.item.relation in ("left of", "right of"):
                away = 0.26 if other.item.relation == "left of" else -0.26
                share = min(0.88, max(0.12, other.x / width + away))
            elif other.item.target is item:
                share = other.x / width
    return share * width


def _colour_of(item: Item, index: int, kind: Kind, palette: Palette) -> Colour:
    if item.colours:
        return NAMED[item.colours[index % len(item.colours)]]
    if kind.leafy:
        return palette.foliage
    if item.kind in SHAPES:
        return default_colour(index)
    if item.kind == "flower":
        return NAMED[("red", "yellow", "pink", "purple", "white")[index % 5]]
    if item.kind in ("balloon", "tulip", "butterfly", "boat", "person", "fish") and item.count > 1:
        return NAMED[("red", "yellow", "blue", "orange", "purple", "green")[index % 6]]
    return NAMED[kind.colour]


def _arrange_shapes(canvas: Canvas, scene: Scene, palette: Palette) -> None:
    """Shapes on paper: each where the prompt says, else in one row or a grid."""
    shapes = [item for item in scene.items if item.kind in SHAPES]
    total = sum(item.count for item in shapes)
    if not total:
        return
    in_one_row = total <= (4 if canvas.width > canvas.height else 3)
    columns = total if in_one_row else max(1, round((total * canvas.width / canvas.height) ** 0.5))
    rows = -(-total // columns)
    cell = min(canvas.width / columns, canvas.height / rows)
    taken = 0
    for item in shapes:
        for index in range(item.count):
            column, row = taken % columns, taken // columns
            x, y = canvas.width * (column + 0.5) / columns, canvas.height * (row + 0.5) / rows
            if item.count == 1:
                x = {"left": 0.25, "right": 0.75, "middle": 0.5}.get(item.place or "", x / canvas.width) * canvas.width
                y = {"top": 0.27, "bottom": 0.73}.get(item.place or "", y / canvas.height) * canvas.height
            height = cell * 0.66 * min(1.3, _SIZES[item.size])
            colour = _colour_of(item, taken if not item.colours else index, Kind(plants.draw_bush, "red", 0.1), palette)
            draw_shape(Pen(canvas, (x, y + height / 2), height), item.kind, colour)
            taken += 1
        canvas.layer()
