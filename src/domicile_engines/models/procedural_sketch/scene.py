"""A prompt, read word by word into what is to be drawn. No grammar: words, what stands before them and what follows."""

import re
from dataclasses import dataclass, field

from domicile_engines.models.procedural_sketch.vocabulary import PHRASE_WORDS_MAX, Role, is_plural, meaning_of

ITEMS_MAX = 24
"""Different things in one picture; the words after them are left out."""
COUNT_MAX = 24
_PLURAL_COUNT = {"tree": 7, "pine": 9, "flower": 14, "tulip": 14, "sunflower": 9, "bird": 5, "house": 5, "star": 9}
_PLURAL_COUNT_OTHERWISE = 3

_TOKEN = re.compile(r"[^\W_]+(?:['-][^\W_]+)*|[,.;:]")
_SEPARATORS = frozenset({",", ".", ";", ":", "and", "with", "while", "plus"})
SHAPES = frozenset({"circle", "square", "rectangle", "triangle", "star", "heart", "hexagon", "ring", "spiral"})


@dataclass(slots=True)
class Item:
    """A kind of thing to draw, as often as `count`."""

    kind: str
    word: str
    count: int = 1
    colours: tuple[str, ...] = ()
    size: str | None = None
    place: str | None = None
    relation: str | None = None
    target: "Item | None" = None
    """What it stands in that relation to."""


@dataclass(slots=True)
class Scene:
    """What was understood of a prompt. An empty one has no items and no setting."""

    time: str | None = None
    season: str | None = None
    settings: list[str] = field(default_factory=list)
    weather: list[str] = field(default_factory=list)
    items: list[Item] = field(default_factory=list)
    sky_colour: str | None = None
    unknown: bool = False
    """Whether words were left out."""

    def has(self, *kinds: str) -> bool:
        """Whether one of these things is in it."""
        return any(item.kind in kinds for item in self.items)

    @property
    def shapes_only(self) -> bool:
        """Whether it names geometric shapes and nothing to set them in."""
        return bool(self.items) and not self.settings and all(item.kind in SHAPES for item in self.items)


def read_prompt(prompt: str) -> Scene:
    """Reads a prompt of any text. Costs a few dictionary look-ups for each word."""
    reader = _Reader()
    tokens = _TOKEN.findall(prompt.lower())
    place = 0
    while place < len(tokens):
        for length in range(min(PHRASE_WORDS_MAX, len(tokens) - place), 0, -1):
            phrase = " ".join(tokens[place : place + length])
            meaning = meaning_of(phrase)
            if meaning is not None:
                reader.take(*meaning, phrase)
                place += length
                break
        else:
            reader.pass_over(tokens[place])
            place += 1
    return reader.scene


@dataclass(slots=True)
class _Before:
    """What was said before a noun, and belongs to it."""

    count: int | None = None
    colours: tuple[str, ...] = ()
    size: str | None = None
    place: str | None = None
    negated: bool = False


class _Reader:
    """Remembers what was said before the next noun, and which noun was the last."""

    def __init__(self) -> None:
        self.scene = Scene()
        self._last: Item | None = None
        self._relating: Item | None = None
        self._before = _Before()

    def take(self, role: Role, name: str, phrase: str) -> None:
        """A known word or phrase."""
        if role == "thing":
            self._thing(name, phrase)
        elif role == "colour":
            self._before.colours = (*self._before.colours, name)[:3]
        elif role == "number":
            self._before.count = int(name)
        elif role == "size":
            self._before.size = name
        elif role == "not":
            self._before.negated = True
        elif role == "place":
            self._placed(name)
        elif role == "relation":
            if self._last is not None and self._last.relation is None:
                self._last.relation, self._relating = name, self._last
        else:
            self._circumstance(role, name)

    def pass_over(self, token: str) -> None:
        """A word that is not known, or a mark of punctuation."""
        if token in _SEPARATORS:
            self._last = None
        elif len(token) > 3:
            self.scene.unknown = True

    def _thing(self, kind: str, phrase: str) -> None:
        if kind == "sky":
            self.scene.sky_colour = self._before.colours[0] if self._before.colours else self.scene.sky_colour
        elif kind == "star" and self._before.count is None and not self._before.colours:
            self._circumstance("weather", "stars")
        elif not self._before.negated and len(self.scene.items) < ITEMS_MAX:
            count = self._before.count
            if count in (None, 1):
                count = _PLURAL_COUNT.get(kind, _PLURAL_COUNT_OTHERWISE) if is_plural(phrase) else 1
            item = Item(
                kind, phrase, min(COUNT_MAX, count or 1), self._before.colours, self._before.size, self._before.place
            )
            self.scene.items.append(item)
            if self._relating is not None and self._relating is not item:
                self._relating.target, self._relating = item, None
            self._last = item
        self._before = _Before()

    def _placed(self, name: str) -> None:
        if self._last is not None and self._last.place is None:
            self._last.place = name
        else:
            self._before.place = name

    def _circumstance(self, role: Role, name: str) -> None:
        scene = self.scene
        if not self._before.negated:
            if role == "time":
                scene.time = scene.time or name
            elif role == "season":
                scene.season = scene.season or name
            elif role == "setting" and name not in scene.settings:
                scene.settings.append(name)
            elif role == "weather" and name not in scene.weather:
                scene.weather.append(name)
        if role in ("setting", "weather"):
            self._before = _Before()
        self._before.negated = False
