"""Converts English words to sounds: by misaki's lexicon, its inflections, spelled letters, compounds, and then rules."""

import json
import re
from typing import Any

from domicile_engines.models.kokoro.letter_to_sound import sounds_of
from domicile_engines.runtime.weights import read_verified

_GOLD = ("misaki", "data/us_gold.json", "dc414872a49a28ae6c141463d502fd945f3b2fde040484fdc47d00cc4612686f")
_SILVER = ("misaki", "data/us_silver.json", "de8f67be911bb6c659187b4a65fd966b6a30e56350e0f790d763210b053ac475")

PUNCTUATION = frozenset(";:,.!?—…()")
_FOLLOWS_AT_ONCE = frozenset(";:,.!?…)")
_VOWELS = frozenset("AIOQWYaiuæɑɒɔəɛɜɪʊʌᵻ")
_TAPPED_AFTER = frozenset("AIOWYiuæɑəɛɪɹʊʌ")
_TOKEN = re.compile(r"[A-Za-z]+(?:'[A-Za-z]+)*'?|\.{2,}|—|[^\sA-Za-z']")
_CAMEL = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[A-Z]")
_ELLIPSIS = "…"
# Before another word these are unstressed; the lexicon has only their stressed form.
_BEFORE_VOWEL = {"the": "ði", "a": "ɐ", "to": "tʊ"}
_BEFORE_CONSONANT = {"the": "ðə", "a": "ɐ", "to": "tə"}
_SPELLED_LENGTH_MAX = 5


class Pronunciation:
    """The pronunciation lexicon, about 40 MB in memory."""

    def __init__(self) -> None:
        """Read the lexicon. Blocks for half a second. Raises `WeightsError`."""
        silver: dict[str, Any] = json.loads(read_verified(_SILVER))
        gold: dict[str, Any] = json.loads(read_verified(_GOLD))
        self._words: dict[str, str] = {}
        for lexicon in (silver, gold):
            for word, sounds in lexicon.items():
                self._words[word] = sounds if isinstance(sounds, str) else sounds["DEFAULT"]

    def of(self, text: str) -> str:
        """The sounds and punctuation of a text that `normalization.spoken` has prepared. Every word has sounds."""
        tokens: list[str] = ["", *_TOKEN.findall(text), ""]
        sounds = ""
        # Backwards, because the sounds of a word depend on the next word.
        for index in range(len(tokens) - 2, 0, -1):
            token = tokens[index]
            if token[0].isalpha():
                token_sounds = self._in_context(token, tokens[index - 1], tokens[index + 1], sounds)
            else:
                token_sounds = _ELLIPSIS if token.startswith("..") else token
                if token_sounds not in PUNCTUATION:
                    continue
            joined = not sounds or sounds[0] in _FOLLOWS_AT_ONCE or token_sounds == "("
            sounds = token_sounds + ("" if joined else " ") + sounds
        return sounds

    def _in_context(self, word: str, before: str, after: str, following: str) -> str:
        small = word.lower()
        is_initial = word == "A" and (_is_initial(before) or _is_initial(after))
        if small in _BEFORE_VOWEL and after[:1].isalpha() and not is_initial:
            before_vowel = following.lstrip("ˈˌ")[:1] in _VOWELS
            return (_BEFORE_VOWEL if before_vowel else _BEFORE_CONSONANT)[small]
        return self._word(word)

    def _word(self, word: str) -> str:
        bare = word.strip("'")
        return self._known(bare) or self._parts(bare)

    def _known(self, word: str) -> str | None:
        for form in (word, word.lower(), word.capitalize()):
            found = self._words.get(form)
            if found is not None and (len(form) > 1 or form == word):
                return found
        small = word.lower()
        return self._plural(small) or self._past(small) or self._progressive(small)

    def _stem(self, *stems: str) -> str | None:
        for stem in stems:
            if len(stem) > 1 and stem in self._words:
                return self._words[stem]
        return None

    def _plural(self, word: str) -> str | None:
        if not word.endswith("s") or word.endswith("ss") or len(word) < 3:
            return None
        stem = self._stem(word[:-1].rstrip("'"), *((word[:-3] + "y",) if word.endswith("ies") else ()), word[:-2])
        if stem is None:
            return None
        if stem[-1] in "szʃʒʧʤ":
            return f"{stem}ᵻz"
        return stem + ("s" if stem[-1] in "ptkfθ" else "z")

    def _past(self, word: str) -> str | None:
        if not word.endswith("ed") or len(word) < 5:
            return None
        stem = self._stem(word[:-1], word[:-2], word[:-3] if word[-3] == word[-4] else "", f"{word[:-3]}y")
        if stem is None:
            return None
        if stem[-1] == "t" and stem[-2:-1] and stem[-2] in _TAPPED_AFTER:
            return f"{stem[:-1]}ɾᵻd"
        if stem[-1] in "td":
            return f"{stem}ᵻd"
        return stem + ("t" if stem[-1] in "pkfθʃsʧ" else "d")

    def _progressive(self, word: str) -> str | None:
        if not word.endswith("ing") or len(word) < 5:
            return None
        stem = self._stem(word[:-3], f"{word[:-3]}e", word[:-4] if word[-4] == word[-5] else "")
        if stem is None:
            return None
        if stem[-1] == "t" and len(stem) > 1 and stem[-2] in _TAPPED_AFTER:
            return f"{stem[:-1]}ɾɪŋ"
        return f"{stem}ɪŋ"

    def _parts(self, word: str) -> str:
        """The sounds of a word outside the lexicon: initials letter by letter, compounds by their parts, the rest by rule."""
        parts = _CAMEL.findall(word)
        if len(parts) > 1:
            return " ".join(self._word(part) for part in parts)
        if word.isupper() and (len(word) <= _SPELLED_LENGTH_MAX or not set(word) & set("AEIOUY")):
            return self._spelled(word)
        small = word.lower().replace("'", "")
        if not set(small) & set("aeiouy"):
            return self._spelled(small)
        return self._compound(small) or sounds_of(small)

    def _compound(self, word: str) -> str | None:
        """The sounds of a word made of two known words, with the longest first part. None if there is no such split."""
        for cut in range(len(word) - 3, 2, -1):
            first, second = self._words.get(word[:cut]), self._words.get(word[cut:])
            if first is not None and second is not None:
                return first + second.replace("ˈ", "ˌ")
        return None

    def _spelled(self, word: str) -> str:
        letters = [self._words[letter.upper()] for letter in word if letter.isalpha()]
        return " ".join(letters)


def _is_initial(token: str) -> bool:
    return len(token) == 1 and token.isupper() and token != "I"
