"""Numbers as English words."""

_ONES = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
_TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_SCALES = ("", "thousand", "million", "billion", "trillion", "quadrillion")
_ORDINALS = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}
_DIGITS_MAX = 3 * len(_SCALES)


def digits(text: str) -> str:
    """Read a number digit by digit, like a telephone number."""
    return " ".join(_ONES[int(digit)] for digit in text)


def cardinal(text: str) -> str:
    """A string of digits as a cardinal number.

    A number of more than 18 digits, or one with a leading zero, is read digit by digit.
    """
    if len(text) > _DIGITS_MAX or (len(text) > 1 and text[0] == "0"):
        return digits(text)
    number = int(text)
    if number == 0:
        return _ONES[0]
    words: list[str] = []
    for scale in reversed(range(len(_SCALES))):
        group = number // 1000**scale % 1000
        if group:
            words += [*_below_thousand(group), _SCALES[scale]]
    return " ".join(filter(None, words))


def ordinal(text: str) -> str:
    """A string of digits as an ordinal number: `21` is "twenty first"."""
    *before, last = cardinal(text).split()
    if last in _ORDINALS:
        last = _ORDINALS[last]
    elif last.endswith("y"):
        last = f"{last[:-1]}ieth"
    else:
        last = f"{last}th"
    return " ".join([*before, last])


def year(text: str) -> str:
    """Four digits as a year: `1905` is "nineteen oh five", `2000` is "two thousand"."""
    century, rest = int(text[:2]), int(text[2:])
    if rest == 0:
        return cardinal(text) if century % 10 == 0 else f"{cardinal(text[:2])} hundred"
    if century == 20 and rest < 10:
        return cardinal(text)
    return f"{cardinal(str(century))} {'oh ' if rest < 10 else ''}{cardinal(str(rest))}"


def plural(words: str) -> str:
    """The plural of a number in words: "nineteen ninety" becomes "nineteen nineties"."""
    return f"{words[:-1]}ies" if words.endswith("y") else f"{words}{'es' if words.endswith('x') else 's'}"


def _below_thousand(number: int) -> list[str]:
    hundreds, rest = divmod(number, 100)
    words = [_ONES[hundreds], "hundred"] if hundreds else []
    if rest >= 20:
        words.append(_TENS[rest // 10])
        rest %= 10
    if rest:
        words.append(_ONES[rest])
    return words
