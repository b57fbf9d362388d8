"""Pictures: the same for the same request, different for another, and what was asked for where it was asked for."""

import io
import threading

import pytest
from PIL import Image

from domicile_engines.models.procedural_sketch.drawing import draw_scene, png
from domicile_engines.models.procedural_sketch.scene import read_prompt
from domicile_engines.models.procedural_sketch.things import FIGURES, SETTINGS
from domicile_engines.runtime.resident import ClientLeftError

SMALL = (160, 120)


def drawn(
    prompt: str, size: tuple[int, int] = SMALL, *, seed: bytes = b"1", style: str = "vivid", hd: bool = False
) -> Image.Image:
    return draw_scene(read_prompt(prompt), size, seed=seed, style=style, hd=hd, left=threading.Event())


def colours_in(image: Image.Image, left: float, right: float) -> set[str]:
    """Which of the strong primary colours stand between two shares of the width."""
    width, height = image.size
    found: dict[str, int] = {}
    for x in range(round(left * width), round(right * width)):
        for y in range(height):
            red, green, blue = image.getpixel((x, y))  # type: ignore[misc]
            for name, first, second in (("red", red, max(green, blue)), ("blue", blue, max(red, green))):
                if first > second + 60:
                    found[name] = found.get(name, 0) + 1
    return {name for name, count in found.items() if count > 60}


def test_the_same_request_gives_the_same_picture_and_another_another() -> None:
    prompt = "a lake in the mountains"
    assert drawn(prompt).tobytes() == drawn(prompt).tobytes()
    others = [
        drawn(prompt, seed=b"2"),
        drawn(prompt, style="natural"),
        drawn(prompt, hd=True),
        drawn(prompt + " at night"),
    ]
    assert len({image.tobytes() for image in [drawn(prompt), *others]}) == 5


def test_shapes_have_the_colours_and_the_places_that_were_asked_for() -> None:
    for first, second in (("left", "right"), ("right", "left")):
        image = drawn(f"a red circle on the {first} and a blue square on the {second}")
        halves = {"left": colours_in(image, 0.0, 0.5), "right": colours_in(image, 0.5, 1.0)}
        assert halves == {first: {"red"}, second: {"blue"}}


def test_natural_is_less_colourful_than_vivid() -> None:
    def saturation(image: Image.Image) -> float:
        histogram = image.convert("HSV").getchannel("S").histogram()
        return sum(value * count for value, count in enumerate(histogram)) / sum(histogram)

    prompt = "green hills by day"
    assert saturation(drawn(prompt, style="natural")) < saturation(drawn(prompt, style="vivid")) * 0.8


def test_night_is_dark() -> None:
    def light(image: Image.Image) -> int:
        return image.convert("L").resize((1, 1)).getpixel((0, 0))  # type: ignore[return-value]

    assert light(drawn("hills at night")) < light(drawn("hills at noon")) * 0.5


@pytest.mark.parametrize(
    "setting",
    [
        *(setting.words.split()[0] for name, setting in SETTINGS.items() if name != "shapes"),
        *("hills in fog and rain", "snowing in winter at dusk", "the moon over a cloudy sea", "ataraxia"),
    ],
)
def test_every_place_is_drawn_in_both_formats(setting: str) -> None:
    for size in ((120, 70), (70, 120)):
        image = drawn(setting, size)
        assert image.size == size
        assert len(image.getcolors(1 << 20) or []) > 20, "more than a few flat areas"


@pytest.mark.parametrize("kind", sorted(kind for kind, figure in FIGURES.items() if figure.words))
def test_every_thing_can_be_seen(kind: str) -> None:
    prompt = "green hills by day"
    assert drawn(f"{prompt}, a large {kind} in the middle").tobytes() != drawn(prompt).tobytes()


def test_nothing_but_pixels_is_in_the_file() -> None:
    data = png(drawn("a cat"))
    image = Image.open(io.BytesIO(data))
    image.load()
    assert (image.format, image.info) == ("PNG", {})
    assert not any(chunk in data for chunk in (b"tEXt", b"iTXt", b"zTXt", b"eXIf", b"tIME"))


@pytest.mark.parametrize("prompt", ["a forest", "a rocket", "ataraxia"])
def test_a_picture_that_nobody_waits_for_is_given_up(prompt: str) -> None:
    left = threading.Event()
    left.set()
    with pytest.raises(ClientLeftError):
        draw_scene(read_prompt(prompt), SMALL, seed=b"1", style="vivid", hd=False, left=left)
