"""Guesses the sounds of a word that is not in the lexicon, by spelling rules. The first rule that matches wins.

English spelling is irregular. For names and new words the result is understandable but not always right.
"""

import re

_VOWEL_SOUNDS = "AIOWYaiuæɑɔəɛɜɪʊʌ"
# Letters (a pattern at the current position) -> sounds, in the notation of misaki's lexicon: A as in day, I as in my,
# O as in go, W as in now, Y as in boy. "=" keeps the first matched letter.
_RULES: tuple[tuple[str, str], ...] = (
    # Beginnings and endings.
    (r"^kn|^gn|^pn", "n"),
    (r"^wr", "ɹ"),
    (r"^ps", "s"),
    (r"^x", "z"),
    (r"^mc(?=[^aeiouy])", "mək"),
    (r"tion", "ʃən"),
    (r"(?<=[aeiou])sion", "ʒən"),
    (r"sion", "ʃən"),
    (r"[ct]ious$|[ct]eous$", "ʃəs"),
    (r"[ct]ial$", "ʃəl"),
    (r"ous$", "əs"),
    (r"(?<=[^aeiouy])le$", "əl"),
    (r"(?<=[^aeiouy])les$", "əlz"),
    (r"age$", "ɪʤ"),
    (r"ture", "ʧəɹ"),
    (r"(?<=[aeiouy])ing$|(?<=[^aeiouy])ing$", "ɪŋ"),
    (r"(?<=[td])ed$", "ɪd"),
    (r"(?<=[pkfshxc])ed$", "t"),
    (r"(?<=[^aeiou])ed$", "d"),
    (r"(?<=[szxhc])es$", "ɪz"),
    (r"(?<=[ptkf])es$", "s"),
    (r"(?<=[^aeiouyszxhc])es$", "z"),
    (r"mb$", "m"),
    # Groups of consonants.
    (r"tch", "ʧ"),
    (r"sch", "ʃ"),
    (r"sh", "ʃ"),
    (r"ch(?=[lr])", "k"),
    (r"ch", "ʧ"),
    (r"th", "θ"),
    (r"ph", "f"),
    (r"ght", "t"),
    (r"gh(?=[aeiou])", "ɡ"),
    (r"gh", ""),
    (r"wh", "w"),
    (r"ck", "k"),
    (r"dge", "ʤ"),
    (r"dg", "ʤ"),
    (r"ng(?=[^aeiouy]|$)", "ŋ"),
    (r"nk", "ŋk"),
    (r"qu", "kw"),
    (r"sc(?=[eiy])", "s"),
    (r"cc(?=[eiy])", "ks"),
    (r"rr", "ɹ"),
    (r"gg", "ɡ"),
    (r"([bdfklmnpstz])\1", "="),
    (r"cc", "k"),
    (r"zz", "z"),
    # Groups of vowels.
    (r"eigh", "A"),
    (r"igh", "I"),
    (r"augh|ough", "ɔ"),
    (r"eau", "O"),
    (r"ai|ay|ei(?=[gn])|ey(?=[^$])", "A"),
    (r"ee|ea|ie(?=[^$])|ei", "i"),
    (r"ey$|ie$", "i"),
    (r"oo(?=k)", "ʊ"),
    (r"oo|ew|ue$|eu", "u"),
    (r"oi|oy", "Y"),
    (r"ow$|oa|oe$", "O"),
    (r"ou|ow", "W"),
    (r"au|aw", "ɔ"),
    (r"io", "iO"),
    (r"ia", "iə"),
    (r"ua", "wɑ"),
    # A vowel before r.
    (r"are$|air", "ɛɹ"),
    (r"ar", "ɑɹ"),
    (r"ere$|eer|ear", "ɪɹ"),
    (r"ire", "Iəɹ"),
    (r"ore|or|oar", "ɔɹ"),
    (r"ure", "jʊɹ"),
    (r"(?<=.)[ei]r$", "əɹ"),
    (r"er|ir|ur", "ɜɹ"),
    # A long vowel: one consonant and a silent e follow.
    (r"a(?=[^aeiouywxr]e$|[^aeiouywxr]es$)", "A"),
    (r"e(?=[^aeiouywxr]e$|[^aeiouywxr]es$)", "i"),
    (r"i(?=[^aeiouywxr]e$|[^aeiouywxr]es$)", "I"),
    (r"o(?=[^aeiouywxr]e$|[^aeiouywxr]es$)", "O"),
    (r"u(?=[^aeiouywxr]e$|[^aeiouywxr]es$)", "u"),
    (r"(?<=[aeiouy][^aeiouy])e$|(?<=[^aeiouy][^aeiouy])e$|(?<=[aeiouy]..)e$", ""),
    (r"^y|(?<=[aeiou])y(?=[aeiou])", "j"),
    (r"(?<=^[^aeiouy])y$|(?<=^[^aeiouy][^aeiouy])y$", "I"),
    (r"y$", "i"),
    (r"y", "ɪ"),
    # Letters.
    (r"c(?=[eiy])", "s"),
    (r"g(?=[eiy])", "ʤ"),
    (r"(?<=[aeiou])s(?=[aeiou])", "z"),
    (r"(?<=[bdgmnvlrw])s$", "z"),
    (r"a$", "ə"),
    (r"o$", "O"),
    (r"e$", "i"),
    (r"i$", "i"),
    (r"u$", "u"),
    (r"a", "æ"),
    (r"e", "ɛ"),
    (r"i", "ɪ"),
    (r"o", "ɑ"),
    (r"u", "ʌ"),
    (r"c", "k"),
    (r"g", "ɡ"),
    (r"j", "ʤ"),
    (r"q", "k"),
    (r"r", "ɹ"),
    (r"x", "ks"),
    (r"[bdfhklmnpstvwz]", "="),
)
_COMPILED = tuple((re.compile(pattern), sounds) for pattern, sounds in _RULES)
_VOWEL = re.compile(f"[{_VOWEL_SOUNDS}]")


def sounds_of(word: str) -> str:
    """The sounds of a word in lower-case Latin letters, with a stress mark.

    The stress is on the first vowel; with four or more vowels, on the third from the end.
    """
    sounds = ""
    place = 0
    while place < len(word):
        for pattern, written in _COMPILED:
            found = pattern.match(word, place)
            if found is not None and found.end() > place:
                sounds += found[0][0] if written == "=" else written
                place = found.end()
                break
        else:
            place += 1
    return _stressed(sounds)


def _stressed(sounds: str) -> str:
    vowels = list(_VOWEL.finditer(sounds))
    if not vowels:
        return sounds
    # Most long words are stressed on the third syllable from the end.
    stressed = vowels[0] if len(vowels) < 4 else vowels[-3]
    return f"{sounds[: stressed.start()]}ˈ{sounds[stressed.start() :]}"
