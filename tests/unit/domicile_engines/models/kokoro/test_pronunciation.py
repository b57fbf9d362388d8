import pytest
from hypothesis import given, settings, strategies

from domicile_engines.models.kokoro.letter_to_sound import sounds_of
from domicile_engines.models.kokoro.model import PIECE_LENGTH_MAX, SOUND_IDS
from domicile_engines.models.kokoro.normalization import spoken
from domicile_engines.models.kokoro.pronunciation import Pronunciation
from domicile_engines.models.kokoro.utterances import pieces, sentences


@pytest.fixture(scope="module")
def pronunciation() -> Pronunciation:
    return Pronunciation()


@pytest.mark.parametrize(
    ("text", "sounds"),
    [
        ("The end, the beginning.", "ði ˈɛnd, ðə bəɡˈɪnɪŋ."),
        ("dogs' boxes", "dˈɔɡz bˈɑksᵻz"),
        ("NASA and HTTP", "nˈæsə ænd ˈAʧ tˈi tˈi pˈi"),
        ("A M or A book", "ˈA ˈɛm ɔɹ ɐ bˈʊk"),
        ("flomped", "flˈɑmpt"),
        ("a brillig (toves)", "ɐ bɹˈɪlɪɡ (tˈOvz)"),
    ],
)
def test_words_in_their_context(pronunciation: Pronunciation, text: str, sounds: str) -> None:
    assert pronunciation.of(text) == sounds


@given(strategies.text("abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=20))
def test_a_word_outside_the_lexicon_is_never_left_out(word: str) -> None:
    sounds = sounds_of(word)
    assert any(letter in "aeiou" for letter in word) <= bool(sounds)
    assert set(sounds) <= set(SOUND_IDS)


@settings(max_examples=60, deadline=None)
@given(text=strategies.text(strategies.characters(max_codepoint=0xFF), max_size=120))
def test_any_latin_text_becomes_sounds_that_the_model_knows(pronunciation: Pronunciation, text: str) -> None:
    for sentence in sentences(spoken(text)):
        for piece in pieces(pronunciation.of(sentence), PIECE_LENGTH_MAX):
            assert set(piece) <= set(SOUND_IDS)
            assert len(piece) <= PIECE_LENGTH_MAX


def test_long_sentences_are_cut_at_their_pauses_and_nothing_is_lost() -> None:
    assert list(pieces("aa, bb; cc dd", 8)) == ["aa, bb;", "cc dd"]
    assert list(pieces("aa bb, cc", 5)) == ["aa", "bb,", "cc"] or list(pieces("aa bb, cc", 6)) == ["aa bb,", "cc"]
    assert list(pieces("a" * 10, 4)) == ["aaaa", "aaaa", "aa"]
    assert list(sentences('One. "Two!" Three?\n\nFour')) == ["One.", '"Two!', "Three?", "Four"]
