"""Converts written English to spoken English: numbers, money, times, signs and abbreviations become words."""

import re
import unicodedata

from domicile.kernel import errors
from domicile_engines.models.kokoro import numbers

_TYPOGRAPHY = str.maketrans(
    {"’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "—": " — ", "―": " — ", "…": "...", "\u00ad": "", "\u200b": ""}
)
# Letters that are not a base letter with an accent.
_LETTERS = str.maketrans(
    {
        "ß": "ss",
        "æ": "ae",
        "Æ": "Ae",
        "œ": "oe",
        "Œ": "Oe",
    }
    | {"þ": "th", "Þ": "Th", "ð": "th", "Ð": "Th", "µ": " micro ", "μ": " micro ", "ŋ": "ng", "Ŋ": "Ng"}
)
_ABBREVIATIONS = {
    "mr": "mister",
    "mrs": "missus",
    "ms": "miz",
    "dr": "doctor",
    "prof": "professor",
    "st": "saint",
    "jr": "junior",
    "sr": "senior",
    "vs": "versus",
    "etc": "et cetera",
    "approx": "approximately",
    "dept": "department",
    "no": "number",
    "vol": "volume",
    "fig": "figure",
    "gen": "general",
    "sgt": "sergeant",
    "capt": "captain",
    "gov": "governor",
    "sen": "senator",
    "rep": "representative",
    "hon": "honorable",
    "inc": "incorporated",
    "ltd": "limited",
    "corp": "corporation",
    "jan": "January",
    "feb": "February",
    "aug": "August",
    "sept": "September",
    "oct": "October",
    "nov": "November",
    "dec": "December",
}
# These are also ordinary words ("no.", "fig."), so they count as abbreviations only before a number or a name.
_ONLY_BEFORE_NUMBERS = frozenset({"no", "fig", "vol"})
_ONLY_BEFORE_NAMES = frozenset({"st", "gen", "sen", "rep", "hon", "gov", "ms"})
_UNITS = {
    "km": "kilometer",
    "m": "meter",
    "cm": "centimeter",
    "mm": "millimeter",
    "kg": "kilogram",
    "g": "gram",
    "mg": "milligram",
    "lb": "pound",
    "lbs": "pound",
    "oz": "ounce",
    "mi": "mile",
    "l": "liter",
    "ml": "milliliter",
    "ms": "millisecond",
    "min": "minute",
    "mins": "minute",
    "hr": "hour",
    "hrs": "hour",
    "kb": "kilobyte",
    "mb": "megabyte",
    "gb": "gigabyte",
    "tb": "terabyte",
    "khz": "kilohertz",
    "mhz": "megahertz",
    "ghz": "gigahertz",
    "hz": "hertz",
    "kw": "kilowatt",
    "mph": "miles per hour",
}
_UNCHANGED_UNITS = frozenset({"hertz", "kilohertz", "megahertz", "gigahertz", "miles per hour"})
_MONEY = {"$": ("dollar", "cent"), "£": ("pound", "penny"), "€": ("euro", "cent"), "¥": ("yen", "sen")}
_SIGNS = {
    "&": "and",
    "%": "percent",
    "+": "plus",
    "=": "equals",
    "@": "at",
    "#": "hash",
    "°": "degrees",
    "×": "times",
    "÷": "divided by",
    "±": "plus or minus",
    "<": "less than",
    ">": "greater than",
    "~": "about",
    "^": "caret",
    "|": "bar",
    "\\": "backslash",
    "/": "slash",
    "_": "underscore",
    "*": "star",
    "$": "dollar",
    "£": "pound",
    "€": "euro",
    "¥": "yen",
    "§": "section",
    "©": "copyright",
    "®": "registered",
    "™": "trademark",
}
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_NUMBER = r"\d+(?:,\d{3})*(?:\.\d+)?"
_INITIALS = re.compile(r"\b(?:[A-Za-z]\.){2,}")
_LATIN_PHRASES = {"eg": "for example", "ie": "that is", "am": "A M", "pm": "P M"}
_ABBREVIATED = re.compile(rf"\b({'|'.join(_ABBREVIATIONS)})\.(?=(\s*)(\S?))", re.IGNORECASE)
_AMOUNT = re.compile(rf"([$£€¥])\s?({_NUMBER})(?:\s(thousand|million|billion|trillion)\b)?", re.IGNORECASE)
_TIME = re.compile(r"\b([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?(?:\s?([AaPp])\.?[Mm]\b\.?)?")
_TIME_OF_DAY = re.compile(r"\b(\d{1,2})\s?([AaPp])\.?[Mm]\b\.?")
_ORDINAL = re.compile(r"\b(\d+)(?:st|nd|rd|th)\b", re.IGNORECASE)
_DECADE = re.compile(r"\b(\d{2,4})'?s\b")
_RANGE = re.compile(r"(?<![\w.-])(\d+)\s?-\s?(\d+)(?![\w-])")
_MEASURE = re.compile(rf"({_NUMBER})\s?({'|'.join(sorted(_UNITS, key=len, reverse=True))})\b", re.IGNORECASE)
_YEAR = re.compile(r"(?<![\w.,$£€¥-])(1[1-9]\d\d|20\d\d)(?!\w|,\d|\.\d|-\d)")
_DATE = re.compile(r"(?<![\w-])([12]\d{3})-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])(?![\w-])")
_PLAIN_NUMBER = re.compile(rf"(?<![\w.])(-)?({_NUMBER})(?![.\d]*\d)")
# The remaining numbers are inside words or are version numbers.
_ANY_NUMBER = re.compile(r"\d+(?:\.\d+)*")
_TELEPHONE = re.compile(
    r"(?<![\w.,+])(?:\+\d{1,3}(?:[ -]?\(?\d{2,4}\)?){2,5}|\(?\d{3}\)?[ -]\d{3}-?\d{4}|\d{3}-\d{4}|\d{7,})(?!\w|[,.]\d)"
)
_DOT_IN_NAME = re.compile(r"(?<=\w)\.(?=[A-Za-z]{2})")
_DIGITS = re.compile(r"\d+")
_LATIN_LETTER = re.compile(r"LATIN (SMALL|CAPITAL) LETTER (?:DOTLESS )?([A-Z])(?: WITH .*)?$")
_WORDS_OF_SIGNS = re.compile("|".join(re.escape(sign) for sign in _SIGNS))


def spoken(text: str) -> str:
    """Rewrite the text with Latin letters, blanks and punctuation only. Raises a 400 for letters of other scripts."""
    text = unicodedata.normalize("NFKC", text.translate(_TYPOGRAPHY)).translate(_TYPOGRAPHY)
    text = "".join(_plain(character) for character in text.translate(_LETTERS))
    text = _INITIALS.sub(_initials, text)
    text = _ABBREVIATED.sub(_abbreviation, text)
    text = _AMOUNT.sub(_amount, text)
    text = _TIME.sub(_time, text)
    text = _TIME_OF_DAY.sub(lambda found: f"{numbers.cardinal(found[1])} {found[2].upper()} M", text)
    text = _DATE.sub(_date, text)
    text = _TELEPHONE.sub(lambda found: _digit_groups(found[0]), text)
    text = _RANGE.sub(r"\1 to \2", text)
    text = _ORDINAL.sub(lambda found: numbers.ordinal(found[1]), text)
    text = _DECADE.sub(_decade, text)
    text = _MEASURE.sub(_measure, text)
    text = _YEAR.sub(lambda found: numbers.year(found[1]), text)
    text = _PLAIN_NUMBER.sub(lambda found: f"{'minus ' if found[1] else ''}{_number(found[2])} ", text)
    text = _ANY_NUMBER.sub(lambda found: f" {' point '.join(map(numbers.cardinal, found[0].split('.')))} ", text)
    text = _DOT_IN_NAME.sub(" dot ", text)
    return _WORDS_OF_SIGNS.sub(lambda found: f" {_SIGNS[found[0]]} ", text)


def _plain(character: str) -> str:
    """The character without its accent. Raises a 400 for other scripts: leaving them out would change the text."""
    if character < "\x7f":
        return character if character >= " " or character in "\n\t" else " "
    category = unicodedata.category(character)
    if category == "Nd":
        return str(unicodedata.decimal(character))
    if category.startswith("L"):
        base = _LATIN_LETTER.match(unicodedata.name(character, ""))
        if base is not None:
            return base[2] if base[1] == "CAPITAL" else base[2].lower()
        raise errors.invalid_value(
            "'input' contains letters that this English voice cannot read; send text in Latin letters.", "input"
        )
    if character in _SIGNS or character in "—":
        return character
    return "" if category in ("Mn", "Cf") else " "


def _initials(found: re.Match[str]) -> str:
    letters = found[0].replace(".", "")
    # At the end of a line, the last dot of the abbreviation also ends the sentence.
    end = "." if found.string[found.end() : found.end() + 1] in ("", "\n") else ""
    return _LATIN_PHRASES.get(letters.lower(), " ".join(letters.upper())) + end


def _abbreviation(found: re.Match[str]) -> str:
    name, blank, following = found[1].lower(), found[2], found[3]
    before_number, before_name = following.isdigit(), bool(blank) and following.isupper()
    if name in _ONLY_BEFORE_NUMBERS and not before_number:
        return found[0]
    if name in _ONLY_BEFORE_NAMES and not before_name:
        return found[0]
    return _ABBREVIATIONS[name] + ("" if following else ".")


def _amount(found: re.Match[str]) -> str:
    whole, part = _MONEY[found[1]]
    amount = found[2].replace(",", "")
    if found[3]:
        return f"{_number(amount)} {found[3]} {whole}s"
    units, _, hundredths = amount.partition(".")
    words = f"{numbers.cardinal(units)} {_plural_unit(whole, units)}"
    if len(hundredths) == 2 and int(hundredths):
        return f"{words} and {numbers.cardinal(str(int(hundredths)))} {_plural_unit(part, hundredths.lstrip('0'))}"
    return words if not hundredths or not int(hundredths) else f"{_number(amount)} {whole}s"


def _plural_unit(unit: str, number: str) -> str:
    if int(number) == 1 or unit in ("yen", "sen"):
        return unit
    return "pence" if unit == "penny" else f"{unit}s"


def _time(found: re.Match[str]) -> str:
    hour, minute, second, half = found[1], found[2], found[3], found[4]
    words = [numbers.cardinal(str(int(hour)))]
    if int(minute):
        words.append(("oh " if int(minute) < 10 else "") + numbers.cardinal(str(int(minute))))
    elif not half:
        words.append("o'clock" if int(hour) <= 12 else "hundred hours")
    if second and int(second):
        words.append(f"and {numbers.cardinal(str(int(second)))} seconds")
    if half:
        words.append(f"{half.upper()} M")
    return " ".join(words)


def _date(found: re.Match[str]) -> str:
    return f"{_MONTHS[int(found[2]) - 1]} {numbers.ordinal(found[3].lstrip('0'))}, {numbers.year(found[1])}"


def _decade(found: re.Match[str]) -> str:
    return numbers.plural(numbers.year(found[1]) if len(found[1]) == 4 else numbers.cardinal(found[1]))


def _measure(found: re.Match[str]) -> str:
    unit = _UNITS[found[2].lower()]
    one = found[1] in ("1", "1.0") or unit in _UNCHANGED_UNITS
    return f"{_number(found[1])} {unit if one else unit + 's'}"


def _number(text: str) -> str:
    whole, _, fraction = text.replace(",", "").partition(".")
    words = numbers.cardinal(whole)
    return f"{words} point {numbers.digits(fraction)}" if fraction else words


def _digit_groups(text: str) -> str:
    groups = [numbers.digits(group) for group in _DIGITS.findall(text)]
    return ("plus " if text.startswith("+") else "") + ", ".join(groups)
