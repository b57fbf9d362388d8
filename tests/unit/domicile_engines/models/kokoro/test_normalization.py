import pytest

from domicile.kernel.errors import DomicileError
from domicile_engines.models.kokoro.normalization import spoken


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("0 7 13 21 100 1,001", "zero seven thirteen twenty one one hundred one thousand one"),
        (
            "in 1905, 1987, 2000 and 2026",
            "in nineteen oh five, nineteen eighty seven, two thousand and twenty twenty six",
        ),
        ("the 1990s", "the nineteen nineties"),
        ("1st, 22nd", "first, twenty second"),
        ("-3.05", "minus three point zero five"),
        ("$5.20, £1.01, €3 million", "five dollars and twenty cents, one pound and one penny, three million euros"),
        ("10:30 a.m. or 12:00", "ten thirty A M or twelve o'clock"),
        ("5km, 1 kg", "five kilometers, one kilogram"),
        ("2026-11-26", "November twenty sixth, twenty twenty six"),
        ("pages 5-10", "pages five to ten"),
        ("555-123-4567", "five five five, one two three, four five six seven"),
        ("Dr. Smith vs. Mrs. Jones", "doctor Smith versus missus Jones"),
        ("I said no. Then", "I said no. Then"),
        ("No. 5", "number five"),
        ("e.g. the U.S. economy", "for example the U S economy"),
        ("100% & @home", "one hundred percent and at home"),
        ("café naïve Straße", "cafe naive Strasse"),
        ("example.com", "example dot com"),
        ("H2O v1.29", "H two O v one point twenty nine"),
        ("٣ cats", "three cats"),
    ],
)
def test_what_is_written_is_said_in_words(written: str, said: str) -> None:
    assert spoken(written).replace(" ,", ",").split() == said.split()


@pytest.mark.parametrize("text", ["Привет", "hello 世界", "γειά", "नमस्ते"])
def test_other_scripts_are_refused_and_not_left_out(text: str) -> None:
    with pytest.raises(DomicileError) as caught:
        spoken(text)
    assert (caught.value.category.value[0], caught.value.param) == (400, "input")
    assert text not in caught.value.message
