"""What was drawn, in words: the `revised_prompt`. It says by what, so that nobody takes it for a model that understood."""

from domicile_engines.models.procedural_sketch.composition import setting_of
from domicile_engines.models.procedural_sketch.scene import Item, Scene

_BY = "Drawn by procedural-sketch, a rule-based drawing program that knows a few hundred English words"
_PLACES = {
    "space": "outer space", "underwater": "under water", "interior": "a room with a window", "hills": "a hilly landscape",
    "mountains": "mountains", "lake": "a lake before mountains", "sea": "the sea", "beach": "a beach", "city": "a city street",
    "forest": "a forest", "desert": "a desert", "village": "a village",
}  # fmt: skip
_WEATHER = {"clouds": "clouds", "rain": "rain", "snow": "falling snow", "fog": "fog", "rainbow": "a rainbow",
            "aurora": "northern lights", "stars": "stars"}  # fmt: skip
_TIMES = {"dawn": "at dawn", "day": "by day", "sunset": "at sunset", "dusk": "at dusk", "night": "at night",
          "overcast": "under an overcast sky"}  # fmt: skip
_LIMIT = 1000


def describe(scene: Scene) -> str:
    """One or two sentences of at most 1,000 characters; of the prompt's own words only those that were drawn."""
    items = [_named(item) for item in scene.items if item.kind != "sky"]
    if scene.shapes_only:
        drawn = ", ".join(items)
    elif setting_of(scene) == "abstract":
        drawn = "an abstract pattern"
        if not scene.settings:
            drawn += ", since it knows no word of this prompt"
    else:
        circumstances = [_TIMES[scene.time]] if scene.time else []
        circumstances += [f"in {scene.season}"] if scene.season else []
        drawn = " ".join([_PLACES[setting_of(scene)], *circumstances])
        extras = [*(_WEATHER[name] for name in scene.weather), *items]
        if extras:
            drawn += ", with " + ", ".join(extras)
    text = f"{_BY}: {drawn}."
    if scene.unknown:
        text += " Words that it does not know were left out."
    return text[:_LIMIT]


def _named(item: Item) -> str:
    colour = " and ".join(item.colours) + " " if item.colours else ""
    where = f" ({item.place})" if item.place else ""
    return f"{item.count} {colour}{item.word}{where}"
