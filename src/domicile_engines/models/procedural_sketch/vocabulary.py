"""The words that `procedural-sketch` knows. Whatever else a prompt says is left out, and the answer says so."""

from typing import Literal

Role = Literal["time", "weather", "season", "setting", "thing", "colour", "number", "size", "place", "relation", "not"]

_WORDS: dict[Role, dict[str, str]] = {
    "time": {
        "dawn": "dawn, sunrise, morning, daybreak",
        "day": "day, daytime, noon, midday, afternoon, daylight, sunny",
        "sunset": "sunset, golden hour, evening",
        "dusk": "dusk, twilight",
        "night": "night, nighttime, midnight, starry, moonlit, moonlight, nocturnal, dark",
        "overcast": "overcast, grey sky, gloomy",
    },
    "weather": {
        "clouds": "cloudy, cloud",
        "rain": "rain, rainy, raining, drizzle, storm, stormy, thunderstorm",
        "snow": "snowing, snowfall, snowflake, blizzard, snowstorm",
        "fog": "fog, foggy, mist, misty, haze, hazy",
        "rainbow": "rainbow",
        "aurora": "aurora, northern lights, aurora borealis",
        "stars": "starry sky, night sky, milky way, starlight",
    },
    "season": {
        "spring": "spring, springtime, blossom, cherry blossom",
        "summer": "summer, summertime",
        "autumn": "autumn, autumnal, fall colors, fall colours, fall foliage",
        "winter": "winter, wintry, snow, snowy, frozen, ice, icy, christmas",
    },
    "setting": {
        "sea": "sea, ocean, seaside, harbour, harbor, bay, coast, seascape, waves, wave",
        "beach": "beach, shore, island",
        "lake": "lake, pond, fjord, reflection",
        "mountains": "mountain, alps, peak, mountainous, volcano, summit",
        "hills": "hill, meadow, field, countryside, valley, pasture, farm, grassland, garden, park, landscape, lawn, grass",
        "forest": "forest, woods, woodland, jungle, grove",
        "desert": "desert, dune, sahara, sand",
        "city": "city, skyline, town, street, skyscraper, downtown, metropolis, cityscape, building, new york, tokyo, berlin",
        "village": "village, hamlet",
        "space": "space, outer space, cosmos, galaxy, universe, nebula, solar system, cosmic",
        "underwater": "underwater, under water, coral reef, seabed, ocean floor, aquarium, under the sea",
        "interior": "room, table, desk, kitchen, indoors, interior, windowsill, still life, living room, cafe, shelf, studio",
        "abstract": "abstract, pattern, geometric, mosaic, wallpaper, minimalist",
    },
    "thing": {
        "sun": "sun",
        "moon": "moon, full moon",
        "crescent": "crescent moon, crescent, half moon, new moon",
        "sky": "sky",
        "tree": "tree, oak, apple tree, maple, bonsai",
        "pine": "pine, pine tree, fir, fir tree, spruce, christmas tree, evergreen, conifer",
        "palm": "palm, palm tree, coconut tree",
        "cactus": "cactus, cacti",
        "bush": "bush, shrub, hedge",
        "flower": "flower, rose, daisy, poppy, lily, wildflower, orchid, blossoms",
        "tulip": "tulip",
        "sunflower": "sunflower",
        "mushroom": "mushroom, toadstool",
        "house": "house, cottage, cabin, hut, home, barn, farmhouse, chalet",
        "castle": "castle, palace, fortress, tower",
        "lighthouse": "lighthouse",
        "windmill": "windmill, mill",
        "pyramid": "pyramid",
        "tent": "tent, camp, campsite",
        "boat": "boat, sailboat, ship, yacht, sailing boat",
        "car": "car, automobile, taxi",
        "balloon": "hot air balloon, hot-air balloon, balloon",
        "rocket": "rocket, spaceship, spacecraft",
        "plane": "plane, airplane, aeroplane, aircraft, jet",
        "planet": "planet, saturn, jupiter, mars",
        "lamp": "street lamp, lamp post, lantern, lamppost, streetlight, lamp",
        "cup": "cup, mug, coffee, tea, cup of coffee, cup of tea",
        "vase": "vase, bouquet",
        "apple": "apple, fruit",
        "book": "book, notebook",
        "umbrella": "umbrella, parasol",
        "cat": "cat, kitten, kitty",
        "dog": "dog, puppy",
        "fox": "fox, wolf",
        "rabbit": "rabbit, bunny, hare",
        "sheep": "sheep, lamb",
        "bird": "bird, seagull, gull, swallow, eagle, crow, pigeon, dove",
        "owl": "owl",
        "duck": "duck, duckling, swan, goose",
        "fish": "fish, goldfish",
        "whale": "whale, dolphin",
        "butterfly": "butterfly",
        "person": "person, man, woman, boy, girl, child, people, traveller, traveler, hiker, farmer, kid, human",
        "astronaut": "astronaut, cosmonaut, spaceman",
        "robot": "robot, android",
        "snowman": "snowman",
        "circle": "circle, ball, sphere, disc, disk, dot",
        "square": "square, cube, box, block",
        "rectangle": "rectangle",
        "triangle": "triangle, cone",
        "star": "star",
        "heart": "heart",
        "hexagon": "hexagon",
        "ring": "ring",
        "spiral": "spiral, swirl",
    },
    "colour": {
        "red": "red, crimson, scarlet",
        "orange": "orange, ginger",
        "yellow": "yellow, lemon",
        "green": "green, emerald, lime",
        "blue": "blue, azure, navy, cyan",
        "purple": "purple, violet, lilac, lavender, magenta, indigo",
        "pink": "pink",
        "brown": "brown, beige, tan",
        "black": "black",
        "white": "white",
        "grey": "grey, gray",
        "turquoise": "turquoise, teal",
        "gold": "gold, golden",
        "silver": "silver",
    },
    "number": {
        "1": "a, an, one, single, the",
        "2": "two, pair, couple, 2",
        "3": "three, few, 3",
        "4": "four, 4",
        "5": "five, several, some, group, 5",
        "6": "six, 6",
        "7": "seven, 7",
        "8": "eight, 8",
        "9": "nine, many, lots, 9",
        "10": "ten, 10",
        "12": "twelve, dozen, flock, 12",
    },
    "size": {
        "small": "small, little, tiny, mini, distant",
        "large": "large, big, huge, giant, tall, enormous, great",
    },
    "place": {
        "left": "left, on the left, at the left, left side, to the left",
        "right": "right, on the right, at the right, right side, to the right",
        "middle": "centre, center, middle, in the middle, in the center, in the centre",
        "back": "background, in the background, in the distance",
        "front": "foreground, in the foreground",
        "top": "at the top, top",
        "bottom": "at the bottom, bottom",
    },
    "relation": {
        "left of": "left of, to the left of, on the left of",
        "right of": "right of, to the right of, on the right of, beside, next to, near",
        "above": "above, over, flying over, on top of",
        "below": "below, under, underneath, beneath",
        "in front of": "in front of",
        "behind": "behind",
    },
    "not": {"not": "no, without, not, except, never"},
}

PHRASE_WORDS_MAX = 4
_IRREGULAR = {
    "leaves": "leaf", "mice": "mouse", "geese": "goose", "people": "person", "men": "man", "women": "woman",
    "children": "child", "wolves": "wolf", "stars": "star", "daisies": "daisy", "cities": "city", "skies": "sky",
}  # fmt: skip

_MEANINGS: dict[str, tuple[Role, str]] = {
    word: (role, name) for role, names in _WORDS.items() for name, words in names.items() for word in words.split(", ")
}


def meaning_of(phrase: str) -> tuple[Role, str] | None:
    """What a phrase of one to four lower-case words means, or None."""
    found = _MEANINGS.get(phrase)
    if found is not None:
        return found
    for singular in _singulars(phrase):
        found = _MEANINGS.get(singular)
        if found is not None:
            return found
    return None


def is_plural(phrase: str) -> bool:
    """Whether a known phrase names more than one."""
    return phrase not in _MEANINGS and meaning_of(phrase) is not None


def _singulars(phrase: str) -> list[str]:
    head, _, last = phrase.rpartition(" ")
    prefix = f"{head} " if head else ""
    forms = [_IRREGULAR.get(last, "")]
    if last.endswith("ies"):
        forms.append(last[:-3] + "y")
    if last.endswith("es"):
        forms.append(last[:-2])
    if last.endswith("s"):
        forms.append(last[:-1])
    return [prefix + form for form in forms if form]
