"""The labelled texts of the moderation model: enough of each, of one shape, and nothing shared between the two sets."""

import re
from collections import Counter
from collections.abc import Iterator

from training.moderation.texts import TEST_SET, TRAINING_SET, read

from domicile_engines.models.moderation.categories import CATEGORIES, LEARNED

TRAINING, TEST = read(TRAINING_SET), read(TEST_SET)
PHRASE_WORDS = 5

Phrase = tuple[str, ...]


def phrases(text: str) -> Iterator[Phrase]:
    words = re.findall(r"\w+", text.lower())
    return (tuple(words[begin : begin + PHRASE_WORDS]) for begin in range(len(words) - PHRASE_WORDS + 1))


def shared_with(known: set[Phrase], text: str) -> float:
    own = list(phrases(text))
    return sum(phrase in known for phrase in own) / len(own) if own else 0.0


def test_each_category_has_enough_texts() -> None:
    counted = Counter(label for each in TEST for label in each.labels)
    assert all(counted[category] >= 50 for category in CATEGORIES)
    learned = Counter(label for each in TRAINING for label in each.labels)
    assert all(learned[category] >= 120 for category in LEARNED)
    for texts, clean_min in ((TEST, 150), (TRAINING, 350)):
        assert sum(not each.labels for each in texts) >= clean_min


def test_labels_are_of_the_api_and_a_narrower_one_brings_the_wider() -> None:
    for each in [*TRAINING, *TEST]:
        assert each.labels <= set(CATEGORIES), each.text
        wider = {label.partition("/")[0] for label in each.labels if label != "sexual/minors"}
        assert wider <= each.labels, each.text
        assert bool(each.labels) != bool(each.kind), each.text


def test_the_sets_share_no_text_and_hardly_a_phrase() -> None:
    """Five words in a row: a template shared by the sets would show in many texts, or in most of one."""
    known = {phrase for each in TRAINING for phrase in phrases(each.text)}
    shared = [shared_with(known, each.text) for each in TEST]
    assert sum(share > 0 for share in shared) / len(TEST) < 0.05
    assert max(shared) < 0.35
    assert len({each.text for each in [*TRAINING, *TEST]}) == len(TRAINING) + len(TEST)


def test_a_shared_template_would_be_seen() -> None:
    known = set(phrases("Which shop in town sells the best bread?"))
    assert shared_with(known, "Which shop in town sells the best cheese?") > 0.35
