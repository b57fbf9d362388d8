"""What is understood of a prompt."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domicile_engines.models.procedural_sketch.scene import COUNT_MAX, ITEMS_MAX, Item, describe, read_prompt
from domicile_engines.models.procedural_sketch.things import FIGURES, SEASONS, SETTINGS, WORDS

RED, WHITE = "#ce3934", "#f6f4ee"


def only(prompt: str) -> Item:
    (item,) = read_prompt(prompt).items
    return item


@pytest.mark.parametrize(
    ("prompt", "kind", "count", "colours"),
    [
        ("a cat", "cat", 1, ()),
        ("Three RED boats!", "boat", 3, (RED,)),
        ("a red and white lighthouse", "lighthouse", 1, (RED, WHITE)),
        ("12 hot air balloons", "balloon", 12, ()),
        ("dogs", "dog", 4, ()),
        ("people", "person", 4, ()),
        ("two palm trees", "palm", 2, ()),
        ("pine trees", "pine", 4, ()),
        ("many tiny houses", "house", 9, ()),
    ],
)
def test_a_thing_with_what_stands_before_it(prompt: str, kind: str, count: int, colours: tuple[str, ...]) -> None:
    item = only(prompt)
    assert (item.kind, item.count, item.colours) == (kind, count, colours)


@pytest.mark.parametrize(
    "prompt",
    [
        "a house on the left and a tree on the right",
        "on the left a house and on the right a tree",
        "a house on the left, a tree on the right",
    ],
)
def test_places_belong_to_the_thing_that_they_are_said_of(prompt: str) -> None:
    assert [(item.kind, item.place) for item in read_prompt(prompt).items] == [("house", "left"), ("tree", "right")]


def test_what_is_denied_is_not_drawn() -> None:
    scene = read_prompt("a beach without palm trees, no boats, no fog, with a house")
    assert ([item.kind for item in scene.items], scene.settings, scene.weather) == (["house"], ["beach"], [])


def test_circumstances() -> None:
    scene = read_prompt("Mountains in the sun at sunset in autumn, foggy, under a purple sky")
    assert (scene.light, scene.season, scene.settings, scene.weather) == ("sunset", "autumn", ["mountains"], ["fog"])
    assert scene.sky_colour == "#7c52a0"


@pytest.mark.parametrize(
    ("prompt", "places"),
    [
        ("a cactus", ["desert"]),
        ("a planet over a city", ["city"]),
        ("a rocket", ["space"]),
        ("a mountain by the sea", ["mountains", "sea"]),
        ("a boat in the mountains", ["mountains", "sea"]),
        ("a city in outer space", ["space"]),
        ("at night", ["hills"]),
        ("the categorical imperative", []),
        ("", []),
    ],
)
def test_a_place_is_named_or_supposed(prompt: str, places: list[str]) -> None:
    assert read_prompt(prompt).places() == places


def test_counts_and_things_are_bounded() -> None:
    assert only("999 cats").count == COUNT_MAX
    assert len(read_prompt("a cat, a dog, a tree, " * 40).items) == ITEMS_MAX


def test_the_description_says_who_drew_what() -> None:
    text = describe(read_prompt("two red boats at sunset, imperturbably"))
    assert text.startswith("Drawn by procedural-sketch, a rule-based drawing program")
    assert "sea, sunset, 2 red boats" in text
    assert text.endswith("Words that it does not know were left out.")
    assert "imperturbably" not in text
    assert "knows nothing to draw" in describe(read_prompt("Ataraxia"))
    assert len(describe(read_prompt("a red cat on the left, " * 190))) <= 1000


def test_no_word_means_two_things_and_what_the_tables_name_exists() -> None:
    columns = [words for names in WORDS.values() for words in names.values()]
    columns += [row.words for table in (SETTINGS, FIGURES) for row in table.values()]
    words = [word for column in columns for word in column.split()]
    assert sorted(set(words)) == sorted(words)
    assert {figure.setting for figure in FIGURES.values()} <= set(SETTINGS)
    assert {layer.what for setting in SETTINGS.values() for layer in setting.layers} <= {"land", "water", *FIGURES}
    assert set(WORDS["season"]) <= set(SEASONS)


@given(st.text(max_size=4000))
def test_any_text_can_be_read_and_described(prompt: str) -> None:
    assert describe(read_prompt(prompt))


@pytest.mark.parametrize("word", ["a ", "to the left ", "cat ", "-'", "x-" * 2, "9", "pine trees "])
def test_the_longest_prompt_is_read_at_once(word: str) -> None:
    begun = time.process_time()
    read_prompt((word * 4000)[:4000])
    assert time.process_time() - begun < 0.3
