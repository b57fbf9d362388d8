"""Stop sequences never show, wherever the pieces are cut."""

from hypothesis import given
from hypothesis import strategies as st

from domicile_engines.runtime.llama.stop import StopMatcher

_TEXT = st.text("abn\n", max_size=12)


@given(pieces=st.lists(_TEXT, max_size=8), sequences=st.lists(st.text("abn\n", min_size=1, max_size=4), max_size=4))
def test_what_is_shown_is_the_text_up_to_the_first_sequence_to_be_completed(
    pieces: list[str], sequences: list[str]
) -> None:
    matcher = StopMatcher(sequences)
    shown = ""
    fed = ""
    for piece in pieces:
        fed += piece
        shown += matcher.feed(piece, []).text
        expected = _cut(fed, sequences)
        assert expected.startswith(shown)
        if matcher.found:
            assert shown == expected
            assert matcher.feed("abn", []).text == ""
            break
    else:
        shown += matcher.finish().text
        assert shown == _cut(fed, sequences) == fed


def _cut(text: str, sequences: list[str]) -> str:
    places = [text.find(sequence) for sequence in sequences if sequence in text]
    return text[: min(places)] if places else text


def test_nothing_is_held_back_without_need() -> None:
    matcher = StopMatcher(["END"])
    assert matcher.feed("one E", []).text == "one "
    assert matcher.feed("ast", []).text == "East"


def test_a_token_is_shown_with_its_log_probability_and_a_cut_one_is_not() -> None:
    matcher = StopMatcher(["\n\n"])
    a, b, c = {"token": "a"}, {"token": "\n"}, {"token": "\n"}
    assert matcher.feed("a", [a]).logprobs == [a]
    assert matcher.feed("\n", [b]).logprobs == []
    released = matcher.feed("\n", [c])
    assert matcher.found
    assert released.logprobs == []
