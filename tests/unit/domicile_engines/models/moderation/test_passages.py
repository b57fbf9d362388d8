"""Texts in pieces."""

import time

import pytest

from domicile_engines.models.moderation.passages import passages


def test_a_short_text_stays_whole() -> None:
    assert passages("One sentence. And another one!") == ["One sentence. And another one!"]


def test_a_long_text_is_cut_at_its_sentences_and_short_ones_join_the_next() -> None:
    long = "The committee met on Tuesday in the old town hall."
    text = " ".join([long, "No.", long, long, long, "Yes!"])
    assert passages(text) == [long, f"No. {long}", long, long, "Yes!"]


@pytest.mark.parametrize("text", ["word " * 500, "x" * 5_000, "字" * 5_000, "a.b\n" * 3_000])
def test_no_piece_is_longer_than_the_heads_have_learned_and_nothing_is_lost(text: str) -> None:
    found = passages(text)
    assert all(len(piece) <= 400 and len(piece.split()) <= 40 for piece in found)
    assert "".join("".join(found).split()) == "".join(text.split())


def test_a_page_of_blanks_costs_no_more_than_reading_it() -> None:
    """The engine stood still for a minute, with all of its models: expressions are matched without letting others run."""
    begun = time.process_time()
    passages(" " * 100_000 + "x" * 500)
    assert time.process_time() - begun < 1


def test_lines_are_sentences_whatever_blanks_stand_around_their_ends() -> None:
    long = "The committee met on Tuesday in the old town hall"
    assert passages(f"{long} \t\n  {long}\n\n{long}\u00a0\n{long}\r\n{long}") == [long] * 5
