"""What is understood of a prompt."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domicile_engines.models.procedural_sketch.composition import setting_of
from domicile_engines.models.procedural_sketch.description import describe
from domicile_engines.models.procedural_sketch.scene import COUNT_MAX, ITEMS_MAX, Item, read_prompt


def only(prompt: str) -> Item:
    (item,) = read_prompt(prompt).items
    return item


@pytest.mark.parametrize(
    ("prompt", "kind", "count", "colours"),
    [
        ("a cat", "cat", 1, ()),
        ("Three RED boats!", "boat", 3, ("red",)),
        ("a red and white lighthouse", "lighthouse", 1, ("red", "white")),
        ("two butterflies", "butterfly", 2, ()),
        ("a dozen hot air balloons", "balloon", 12, ()),
        ("dogs", "dog", 3, ()),
        ("many tiny houses", "house", 9, ()),
        ("a cup of coffee", "cup", 1, ()),
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


def test_a_relation_has_its_target() -> None:
    first, second = read_prompt("a dog to the left of a castle").items
    assert (first.kind, first.relation) == ("dog", "left of")
    assert first.target is second


def test_what_is_denied_is_not_drawn() -> None:
    scene = read_prompt("a beach without palm trees, no boats, with an umbrella")
    assert [item.kind for item in scene.items] == ["umbrella"]
    assert scene.settings == ["beach"]


def test_circumstances() -> None:
    scene = read_prompt("Mountains at sunset in autumn, foggy, under a purple sky")
    assert (scene.time, scene.season, scene.settings, scene.weather) == ("sunset", "autumn", ["mountains"], ["fog"])
    assert scene.sky_colour == "purple"


@pytest.mark.parametrize(
    ("prompt", "setting"),
    [
        ("a cactus", "desert"),
        ("a goldfish", "underwater"),
        ("an astronaut", "space"),
        ("a mountain by the sea", "lake"),
        ("a cat", "hills"),
        ("the categorical imperative", "abstract"),
        ("", "abstract"),
    ],
)
def test_a_place_is_named_or_supposed(prompt: str, setting: str) -> None:
    assert setting_of(read_prompt(prompt)) == setting


def test_counts_and_things_are_bounded() -> None:
    assert max(item.count for item in read_prompt("many " * 50 + "dozen cats").items) <= COUNT_MAX
    assert len(read_prompt("a cat, a dog, a tree, " * 40).items) == ITEMS_MAX


def test_the_description_says_who_drew_what() -> None:
    text = describe(read_prompt("two red boats at sunset, imperturbably"))
    assert text.startswith("Drawn by procedural-sketch, a rule-based drawing program")
    assert "the sea at sunset, with 2 red boats" in text
    assert text.endswith("Words that it does not know were left out.")
    assert "imperturbably" not in text
    assert "knows no word" in describe(read_prompt("Ataraxia"))
    assert len(describe(read_prompt("a red cat on the left, " * 190))) <= 1000


@given(st.text(max_size=4000))
def test_any_text_can_be_read_and_described(prompt: str) -> None:
    assert describe(read_prompt(prompt))


@pytest.mark.parametrize("word", ["a ", "to the left of ", "cat ", "-'", "x-" * 2, "under under the "])
def test_the_longest_prompt_is_read_at_once(word: str) -> None:
    begun = time.process_time()
    read_prompt((word * 4000)[:4000])
    assert time.process_time() - begun < 0.3
