"""The tables of `procedural-sketch`: its words, light, landscapes and figures."""

from typing import NamedTuple

WORDS = {
    "colour": {
        "#ce3934": "red crimson scarlet", "#ec852d": "orange ginger", "#f5c842": "yellow lemon", "#e0b046": "gold golden",
        "#4a9454": "green emerald lime", "#386ebe": "blue azure navy cyan", "#3aaaaa": "turquoise teal",
        "#7c52a0": "purple violet lilac lavender magenta", "#ec8aa5": "pink rose", "#7c563a": "brown beige tan",
        "#26262c": "black", "#f6f4ee": "white", "#8c9096": "grey gray silver",
    },
    "count": {
        "0": "no without not", "1": "one single", "2": "two pair couple", "3": "three few", "4": "four", "5": "five several",
        "6": "six", "7": "seven", "8": "eight", "9": "nine many lots", "10": "ten", "12": "twelve dozen flock",
    },
    "size": {"0.6": "small little tiny distant", "1.5": "large big huge giant tall enormous great"},
    "place": {"left": "left", "right": "right", "middle": "middle centre center"},
    "season": {
        "spring": "spring springtime blossom blossoms", "summer": "summer", "autumn": "autumn fall",
        "winter": "winter snow snowy ice icy frozen christmas",
    },
    "weather": {
        "clouds": "cloudy cloud", "rain": "rain rainy raining storm stormy", "snow": "snowing snowfall snowflake blizzard",
        "fog": "fog foggy mist misty haze hazy",
    },
    "sky": {"sky": "sky"},
}  # fmt: skip
SEASONS = {"": ("#6ea55c", "#3f8048"), "spring": ("#86ba62", "#ef9fb8"), "summer": ("#74a64e", "#3f8a44"),
           "autumn": ("#b08a4a", "#d6762e"), "winter": ("#e6edf4", "#b4c8d0")}  # fmt: skip
"""The colours of the land and of the leaves."""


class Light(NamedTuple):
    """A time of day: its words, the sky from the top to the horizon, the sun or moon, and the shade and its share."""

    words: str
    sky: str
    lamp: str
    shade: str
    share: float


LIGHTS = {
    "dawn": Light("dawn sunrise morning daybreak", "#7090c4 #e8babe #ffe0be", "#fff0d0", "#8a7090", 0.22),
    "day": Light("day daytime noon midday afternoon sunny sun", "#3f8ad0 #8ac4ea #e4f2f4", "#fff8d8", "#ffffff", 0.0),
    "sunset": Light("sunset evening", "#4a3e7a #e2706a #ffc878", "#ffe49a", "#4a2850", 0.42),
    "dusk": Light("dusk twilight", "#242c5c #685896 #ec9c92", "#ffdebe", "#20284e", 0.50),
    "night": Light(
        "night starry midnight moonlit moonlight moon dark", "#0a102a #182650 #3a507e", "#f4f2de", "#0c1636", 0.60
    ),
    "overcast": Light("overcast gloomy", "#78868f #a6b2ba #d4dada", "#eceeea", "#7c8890", 0.30),
}


class Layer(NamedTuple):
    """A layer of a landscape: land, water, or a row of one figure. `base` and `size` are shares of the picture's height."""

    distance: float
    what: str
    base: float
    size: float
    colour: str = "land"
    repeats: int = 0


class Setting(NamedTuple):
    """A landscape: its words, its layers, and a background that replaces the sky."""

    words: str
    layers: tuple[Layer, ...]
    sky: str = ""


NEAR = (Layer(0.4, "land", 0.30, 0.06), Layer(0.15, "land", 0.17, 0.05), Layer(0.1, "grass", 0.05, 0.05, "land", 30))
"""The foreground of a landscape that has none of its own."""
SHORE = Layer(0.15, "land", 0.10, 0.05)
SETTINGS = {
    "mountains": Setting("mountain alps peak summit volcano", (
        Layer(0.9, "mountain", 0.40, 0.38, "#6d7690", 5), Layer(0.65, "mountain", 0.36, 0.26, "#5d6478", 6),
        Layer(0.6, "land", 0.40, 0.03))),
    "sea": Setting("sea ocean seaside harbour harbor bay coast seascape wave island", (Layer(0.5, "water", 0.42, 0),)),
    "lake": Setting("lake pond fjord river reflection", (
        Layer(0.7, "land", 0.43, 0.05), Layer(0.5, "water", 0.42, 0), SHORE,
        Layer(0.1, "grass", 0.03, 0.05, "land", 30))),
    "beach": Setting("beach shore sand", (Layer(0.5, "water", 0.42, 0), Layer(0.1, "land", 0.20, 0.05, "#ecd09a"))),
    "forest": Setting("forest wood woodland jungle grove", (
        Layer(0.8, "pine", 0.38, 0.26, "leaf", 22), Layer(0.6, "land", 0.38, 0.02), Layer(0.5, "tree", 0.33, 0.32, "leaf", 11),
        Layer(0.45, "land", 0.32, 0.03), Layer(0.3, "pine", 0.24, 0.44, "leaf", 7), *NEAR[1:])),
    "desert": Setting("desert dune sahara", (
        Layer(0.8, "land", 0.42, 0.08, "#dfae6c"), Layer(0.45, "land", 0.32, 0.09, "#e0b072"),
        Layer(0.15, "land", 0.18, 0.08, "#e6ba7c"))),
    "city": Setting("city skyline town street skyscraper downtown cityscape building", (
        Layer(0.85, "tower", 0.30, 0.46, "#6f7f9c", 11), Layer(0.6, "tower", 0.22, 0.36, "#56627e", 9),
        Layer(0.2, "land", 0.17, 0.0, "#6b6e78"))),
    "space": Setting("space cosmos universe nebula cosmic", (), "#05060f #140f33 #2c1746"),
    "shapes": Setting("shape geometric", (), "#f4efe4 #f8f4ea #efe7d8"),
    "hills": Setting("hill meadow field countryside valley farm garden park landscape grass", (
        Layer(0.8, "land", 0.48, 0.10), Layer(0.6, "land", 0.40, 0.08), *NEAR)),
}  # fmt: skip


class Figure(NamedTuple):
    """A thing: its words, the setting it suggests, its height as a share of the shorter side, its colour, the lowest and
    highest place of its foot, and its parts, the hindmost first.

    A part is a paint and numbers. Three numbers are a circle, four an ellipse, more a polygon, which `~` makes round. The
    foot of the figure is (0, 0), its height 1. `own` is its colour, `+` lighter, `-` darker; `glow` shines in the dark.
    """

    words: str
    setting: str
    height: float
    colour: str
    low: float
    high: float
    parts: str
    afloat: bool = False


FIGURES = {
    "tree": Figure("tree oak maple apple", "hills", 0.34, "leaf", 0.10, 0.26, (
        "#6b4a32 -.06 0 .06 0 .03 .5 -.03 .5; own- .04 .55 .25; own- .2 .6 .17; own -.17 .58 .2; own .04 .74 .22;"
        "own+ -.08 .76 .13")),
    "pine": Figure("pine fir spruce evergreen conifer", "hills", 0.38, "leaf", 0.10, 0.26, (
        "#5b4030 -.04 0 .04 0 .04 .2 -.04 .2; own- -.27 .12 .27 .12 0 .55; own -.27 .12 0 .16 0 .55;"
        "own- -.21 .36 .21 .36 0 .8; own -.21 .36 0 .4 0 .8; own- -.15 .6 .15 .6 0 1; own -.15 .6 0 .64 0 1")),
    "palm": Figure("palm coconut", "beach", 0.42, "#4a9454", 0.10, 0.2, (
        "#8a6a45 -.06 0 .04 0 .06 .4 .14 .8 .1 .8 0 .4; ~own- .12 .8 -.1 .9 -.3 .66 -.1 .78;"
        "~own- .12 .8 .34 .9 .5 .62 .3 .76; ~own .12 .8 -.04 1 -.3 .9 -.04 .88; ~own .12 .8 .3 1 .52 .86 .3 .88;"
        "~own+ .12 .8 .1 1 .2 1.04 .2 .9; #6b4a32 .1 .78 .04")),
    "cactus": Figure("cactus cacti", "desert", 0.3, "#4a9454", 0.10, 0.24, (
        "own -.09 0 .09 0 .09 .9 -.09 .9; own 0 .9 .09; ~own -.08 .3 -.3 .34 -.3 .62 -.2 .62 -.2 .44 -.08 .42;"
        "~own .08 .42 .28 .46 .28 .76 .19 .76 .19 .56 .08 .54; own- .03 0 .09 0 .09 .9 .03 .95; #ec8aa5 0 .99 .05")),
    "flower": Figure("flower daisy poppy tulip lily sunflower", "hills", 0.16, "#ce3934", 0.03, 0.16, (
        "#4a8a48 -.02 0 .02 0 .02 .7 -.02 .7; ~#4a8a48 0 .1 .2 .3 .28 .42 .1 .32; own- .17 .82 .12;"
        "own- -.17 .82 .12; own 0 .98 .12; own 0 .66 .12; own .12 .92 .12; own- .12 .7 .12; own -.12 .92 .12;"
        "own -.12 .7 .12; #f5c842 0 .82 .11")),
    "grass": Figure("", "hills", 0.05, "leaf", 0, 0, "own -.3 0 -.1 0 -.4 .8; own- -.1 0 .1 0 .05 1; own .1 0 .3 0 .45 .7"),
    "mountain": Figure("", "mountains", 0.3, "#5d6478", 0, 0, (
        "own -1 -.2 1 -.2 .62 .3 .5 .36 .16 .86 0 1 -.2 .8 -.42 .5 -.5 .48;"
        "own- 0 1 .16 .86 .5 .36 .62 .3 1 -.2 .1 -.2 .16 .3 -.04 .5 .06 .74;"
        "#f2f5fa -.2 .8 0 1 .05 .78 -.05 .68 -.1 .76 -.2 .6 -.24 .68 -.3 .66;"
        "#c3cede 0 1 .16 .86 .27 .7 .15 .62 .05 .74")),
    "tower": Figure("", "city", 0.3, "#56627e", 0, 0, (
        "own -.16 -.3 .16 -.3 .16 1 -.16 1; own- .06 -.3 .16 -.3 .16 1 .06 1;"
        + ";".join(f"glow {x} {y} {x + .05} {y} {x + .05} {y + .05} {x} {y + .05}"
                   for y in (.18, .3, .42, .54, .66, .78, .9) for x in (-.13, -.05, .08)))),
    "cloud": Figure("", "hills", 0.1, "#f6f4ee", 0, 0, (
        "own- 0 .2 1 .16; own -.5 .34 .34 .3; own .42 .32 .38 .28; own -.05 .5 .42 .46; own 0 .26 .95 .14")),
    "house": Figure("house cottage cabin hut home barn farmhouse chalet", "hills", 0.26, "#f6f4ee", 0.14, 0.26, (
        "#7c4b3a .28 .6 .4 .6 .4 1.02 .28 1.02; own -.5 0 .5 0 .5 .55 -.5 .55; own- .16 0 .5 0 .5 .55 .16 .55;"
        "#a8503e -.62 .5 .62 .5 .4 .95 -.4 .95; #8a3f32 .1 .5 .62 .5 .4 .95 .24 .95;"
        "#5a3f30 -.1 0 .08 0 .08 .34 -.1 .34; glow -.4 .18 -.2 .18 -.2 .38 -.4 .38;"
        "glow .24 .18 .42 .18 .42 .38 .24 .38")),
    "castle": Figure("castle palace fortress", "mountains", 0.42, "#8c9096", 0.16, 0.28, (
        "own -.5 0 .5 0 .5 .42 -.5 .42; own- -.6 0 -.34 0 -.34 .62 -.6 .62; own- .34 0 .6 0 .6 .62 .34 .62;"
        "own+ -.2 0 .2 0 .2 .7 -.2 .7; own .04 0 .2 0 .2 .7 .04 .7; #56669a -.64 .6 -.3 .6 -.47 .88;"
        "#56669a .3 .6 .64 .6 .47 .88; #56669a -.26 .68 .26 .68 0 1; #4a3a34 -.1 0 .1 0 .1 .2 -.1 .2;"
        "#4a3a34 0 .2 .1; glow -.04 .46 .04 .46 .04 .58 -.04 .58; glow -.5 .4 -.44 .4 -.44 .5 -.5 .5;"
        "glow .44 .4 .5 .4 .5 .5 .44 .5; #ce3934 0 1 .02 1.12 .18 1.07 .02 1.02")),
    "lighthouse": Figure("lighthouse", "sea", 0.48, "#ce3934", 0.22, 0.32, (
        "~#5f5a5c -.42 -.06 -.2 .07 .2 .07 .44 -.06 0 -.1; #f6f4ee -.15 .04 .15 .04 .09 .78 -.09 .78;"
        "own -.15 .04 .15 .04 .138 .19 -.138 .19; own -.127 .33 .127 .33 .115 .48 -.115 .48;"
        "own -.103 .62 .103 .62 .09 .78 -.09 .78; #26262c -.12 .77 .12 .77 .12 .8 -.12 .8;"
        "glow -.06 .8 .06 .8 .06 .9 -.06 .9; own- -.09 .9 .09 .9 0 1")),
    "boat": Figure("boat sailboat ship yacht sailing", "sea", 0.24, "#ce3934", 0.22, 0.36, (
        "#6b4a32 -.02 .15 .02 .15 .02 1 -.02 1; ~#fbf7ec .04 .22 .05 .95 .24 .6 .46 .24;"
        "#e4ddcc -.05 .24 -.05 .9 -.38 .24; own -.5 .18 .56 .18 .38 0 -.36 0;"
        "own+ -.5 .18 .56 .18 .53 .13 -.48 .13"), afloat=True),
    "car": Figure("car automobile taxi", "city", 0.14, "#ce3934", 0.05, 0.13, (
        "~own -.75 .45 -.5 .92 0 1 .4 .9 .75 .45; #cfe4f0 -.5 .52 -.36 .82 -.04 .88 -.04 .52;"
        "#cfe4f0 .04 .52 .04 .88 .3 .82 .52 .52; ~own -1.2 .2 -1.15 .52 0 .6 1.1 .5 1.2 .2 0 .12;"
        "#26262c -.65 .2 .22; #26262c .65 .2 .22; #bfc4ca -.65 .2 .1; #bfc4ca .65 .2 .1; glow 1.1 .38 .07")),
    "balloon": Figure("balloon", "hills", 0.28, "#ce3934", 0.45, 0.7, (
        "~own 0 .24 -.3 .5 -.34 .76 0 1 .34 .76 .3 .5; ~own+ 0 .24 -.18 .5 -.2 .78 0 1 .2 .78 .18 .5;"
        "~own 0 .24 -.07 .5 -.08 .78 0 1 .08 .78 .07 .5; #5a4232 -.06 .26 -.045 .26 -.045 .12 -.06 .12;"
        "#5a4232 .06 .26 .045 .26 .045 .12 .06 .12; #8f6238 -.08 .13 .08 .13 .06 0 -.06 0")),
    "rocket": Figure("rocket spaceship spacecraft", "space", 0.4, "#ce3934", 0.25, 0.45, (
        "~#f59a3a -.1 .2 0 -.2 .1 .2; ~#ffe9a0 -.05 .2 0 -.04 .05 .2; own- -.1 .48 -.3 .26 -.28 .1 -.1 .22;"
        "own- .1 .48 .3 .26 .28 .1 .1 .22; ~#eceef2 -.12 .18 -.16 .5 -.1 .8 0 1 .1 .8 .16 .5 .12 .18;"
        "~own -.1 .8 0 1.02 .1 .8; #8a90a0 0 .6 .08; #6eaad6 0 .6 .055")),
    "planet": Figure("planet saturn jupiter mars", "space", 0.3, "#ec852d", 0.3, 0.65, (
        "own- 0 .5 .45; own -.04 .53 .4; own+ -.1 .6 .26; own -.06 .57 .24;"
        "~own+ -.8 .44 -.4 .36 .4 .5 .8 .7 .4 .44 -.4 .3")),
    "cat": Figure("cat kitten kitty", "hills", 0.28, "#ec852d", 0.08, 0.18, (
        "~own- .2 .06 .5 .1 .56 .4 .46 .46 .44 .2 .2 .16; ~own -.26 0 -.22 .4 0 .56 .22 .4 .26 0;"
        "~#f8f2e6 -.1 .04 -.1 .34 .1 .34 .1 .04; own -.24 .66 -.24 1 -.06 .86; own .24 .66 .24 1 .06 .86;"
        "own 0 .7 .27 .21; #26262c -.1 .73 .035 .045; #26262c .1 .73 .035 .045; #f8f2e6 0 .6 .1 .08;"
        "#26262c 0 .64 .03 .02")),
    "dog": Figure("dog puppy", "hills", 0.3, "#7c563a", 0.08, 0.18, (
        "~own .24 .1 .42 .3 .46 .44 .36 .34; ~own -.26 0 -.22 .42 0 .56 .22 .42 .26 0;"
        "~own+ -.1 .03 -.1 .34 .1 .34 .1 .03; own 0 .72 .22 .23; ~own- -.2 .9 -.34 .8 -.3 .52 -.18 .66;"
        "~own- .2 .9 .34 .8 .3 .52 .18 .66; own+ 0 .62 .13 .12; #26262c -.08 .77 .03; #26262c .08 .77 .03;"
        "#26262c 0 .67 .05 .035; #ce3934 0 .54 .03 .05")),
    "bird": Figure("bird seagull gull swallow eagle crow dove", "sea", 0.09, "#f6f4ee", 0.6, 0.85, (
        "~own 0 .3 -.4 .8 -1.1 .7 -.5 .55; ~own- 0 .3 .4 .8 1.1 .7 .5 .55; ~own -.3 .3 0 .15 .3 .3 0 .45;"
        "#ec852d .3 .34 .46 .28 .3 .24")),
    "person": Figure("person man woman boy girl child people men women children", "hills", 0.28, "#386ebe", 0.08, 0.2, (
        "#3a3f56 -.1 0 -.02 0 0 .45 -.1 .45; #2e3348 .02 0 .1 0 .1 .45 0 .45; ~own -.14 .4 -.13 .76 .13 .76 .14 .4;"
        "~own- -.12 .74 -.22 .5 -.16 .42 -.1 .6; ~own- .12 .74 .22 .5 .16 .42 .1 .6; #e8b890 0 .87 .1 .115;"
        "~#5a3f30 -.11 .88 -.08 1 .08 1 .11 .88 0 .95")),
    "circle": Figure("circle ball sphere disc disk dot", "shapes", 0.4, "#386ebe", 0.3, 0.3, "own 0 .5 .5"),
    "square": Figure("square cube box block", "shapes", 0.4, "#ce3934", 0.3, 0.3, "own -.5 0 .5 0 .5 1 -.5 1"),
    "triangle": Figure("triangle", "shapes", 0.4, "#4a9454", 0.3, 0.3, "own -.58 0 .58 0 0 1"),
    "star": Figure("star", "shapes", 0.4, "#f5c842", 0.3, 0.3, (
        "own 0 1 .12 .65 .48 .65 .2 .43 .3 .08 0 .3 -.3 .08 -.2 .43 -.48 .65 -.12 .65")),
    "heart": Figure("heart", "shapes", 0.4, "#ce3934", 0.3, 0.3, (
        "own -.25 .7 .28; own .25 .7 .28; own -.49 .56 0 0 .49 .56 0 .85")),
}  # fmt: skip
