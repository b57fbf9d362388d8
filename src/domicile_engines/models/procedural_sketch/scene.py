"""Reads a prompt word by word into a scene. It knows words, not grammar: adjectives before a noun, a place after it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from domicile_engines.models.procedural_sketch.things import FIGURES, LIGHTS, SETTINGS, WORDS

ITEMS_MAX = 24
"""Items of one picture. Later ones are left out."""
COUNT_MAX = 24
_PLURAL_COUNT = 4

_TOKEN = re.compile(r"[^\W_]+|[,.;:]")
_SEPARATORS = frozenset(",.;:") | {"and", "with", "while", "plus"}
_IRREGULAR_PLURALS = frozenset({"people", "men", "women", "children", "cacti"})
WATER = frozenset({"sea", "lake", "beach"})
_MEANINGS: dict[str, tuple[str, str]] = {
    word: (role, name)
    for role, names in {
        **WORDS,
        "light": {name: light.words for name, light in LIGHTS.items()},
        "setting": {name: setting.words for name, setting in SETTINGS.items()},
        "figure": {name: figure.words for name, figure in FIGURES.items()},
    }.items()
    for name, words in names.items()
    for word in words.split()
}


@dataclass(slots=True)
class Item:
    """One kind of figure, drawn `count` times. The colours are hexadecimal, and the figures take them in turns."""

    kind: str
    word: str
    count: int = 1
    colours: tuple[str, ...] = ()
    size: float = 1.0
    place: str = ""


@dataclass(slots=True)
class Scene:
    """What a prompt asks for. All fields are empty when no word of it is known."""

    light: str = ""
    season: str = ""
    settings: list[str] = field(default_factory=list)
    weather: list[str] = field(default_factory=list)
    items: list[Item] = field(default_factory=list)
    sky_colour: str = ""
    unknown: bool = False
    """Whether the prompt has unknown words."""

    def places(self) -> list[str]:
        """The settings to draw: those named, or else the one that the first item suggests. Empty: draw a pattern.

        A setting with a background of its own is drawn alone. A boat adds water.
        """
        suggested = [FIGURES[item.kind].setting for item in self.items]
        places = self.settings or suggested[:1] or (["hills"] if self.light or self.season or self.weather else [])
        if any(FIGURES[item.kind].afloat for item in self.items) and not WATER & set(places):
            places = [*places, "sea"]
        return next(([place] for place in places if SETTINGS[place].sky), places)


def read_prompt(prompt: str) -> Scene:
    """Read any text as a prompt. Takes up to three dictionary look-ups a word."""
    scene, waiting, last = Scene(), dict[str, str](), False
    colours: tuple[str, ...] = ()
    before = ""
    for token in _TOKEN.findall(prompt.lower()):
        role, name, plural = _meaning(token)
        compound, before = before == "figure" and name == "tree", role
        if role == "place" and last:
            scene.items[-1].place = scene.items[-1].place or name
        elif role == "colour":
            colours = (*colours, name)[:3]
        elif role in ("count", "size", "place"):
            waiting[role] = name
        elif compound:  # as in "pine trees"
            if plural and last and scene.items[-1].count == 1:
                scene.items[-1].count = _PLURAL_COUNT
        elif role:
            denied = waiting.get("count") == "0"
            if role == "figure" and not denied and len(scene.items) < ITEMS_MAX:
                scene.items.append(_item(name, token, _PLURAL_COUNT if plural else 1, waiting, colours))
                last = True
            elif role == "sky":
                scene.sky_colour = colours[0] if colours else scene.sky_colour
            elif not denied:
                _circumstance(scene, role, name)
            waiting, colours = {}, ()
        elif token in _SEPARATORS:
            last = False
        else:
            scene.unknown |= len(token) > 3
    return scene


def _item(kind: str, word: str, count: int, waiting: Mapping[str, str], colours: tuple[str, ...]) -> Item:
    """The figure with what was said before it. `count`: if no number was said."""
    count = min(COUNT_MAX, int(waiting.get("count", count)))
    return Item(kind, word, count, colours, float(waiting.get("size", 1)), waiting.get("place", ""))


def _meaning(token: str) -> tuple[str, str, bool]:
    """Return the role of a word, the name of its meaning, and whether it is a plural. Two empty strings: unknown."""
    if token.isdecimal() and len(token) < 4:
        return "count", str(int(token)), False
    for word in (token, token.removesuffix("s"), token.removesuffix("es")):
        if word in _MEANINGS:
            return *_MEANINGS[word], word != token or word in _IRREGULAR_PLURALS
    return "", "", False


def _circumstance(scene: Scene, role: str, name: str) -> None:
    """Note a light, season, setting or weather. The first light or season counts, but a later light replaces "day"."""
    if role == "light":
        scene.light = name if scene.light in ("", "day") else scene.light
    elif role == "season":
        scene.season = scene.season or name
    elif role == "setting" and name not in scene.settings:
        scene.settings.append(name)
    elif role == "weather" and name not in scene.weather:
        scene.weather.append(name)


def describe(scene: Scene) -> str:
    """The `revised_prompt`: which program drew, and what, in at most 1,000 characters. It repeats no unknown word."""
    items = [" ".join((str(item.count), *map(_colour_word, item.colours), item.word)) for item in scene.items]
    circumstances = [*scene.places(), *scene.weather, *filter(None, (scene.season, scene.light)), *items]
    drawn = (
        ", ".join(circumstances)
        if scene.places()
        else "an abstract pattern, since it knows nothing to draw of this prompt"
    )
    left_out = " Words that it does not know were left out." if scene.unknown else ""
    by = "Drawn by procedural-sketch, a rule-based drawing program that knows a few hundred English words"
    return f"{by}: {drawn}.{left_out}"[:1000]


def _colour_word(colour: str) -> str:
    return WORDS["colour"][colour].split()[0]
