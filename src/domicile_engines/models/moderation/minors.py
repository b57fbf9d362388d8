"""Scores `sexual/minors` by a word rule, because training a model would need such texts.

A passage that names both a minor and something sexual scores high, also in a report or a refusal. So it has many false
positives. Its purpose is to bring a passage before a person.
"""

import re

_AGE = (
    r"(?:[1-9]|1[0-7]|one|two|three|four|five|six|seven|eight|nine|ten"
    r"|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen)"
)
_MINOR = re.compile(
    r"\b(?:child(?:ren)?|kids?|minors?|under-?age|teen(?:s|agers?|aged?)?|pre-?teens?|toddlers?|infants?|juveniles?|pupils?"
    r"|school-?(?:girls?|boys?|child(?:ren)?|kids?)|little (?:girls?|boys?)|orphans?|adolescents?|youngsters?)\b"
    rf"|\b{_AGE}[- ](?:years?|yrs?)[- ]old\b"
    rf"|\b(?:was|is) {_AGE}(?=[.,;!?]|$| when\b| and\b| at\b)"
    rf"|\b(?:aged?|age of|turned|(?:girls?|boys?|students?|athletes?|sons?|daughters?) of) {_AGE}\b"
    r"|\b(?:under|below) (?:1[0-8]|eighteen)\b",
    re.IGNORECASE,
)
_SEXUAL = re.compile(
    r"\b(?:sex|sexual(?:ly|i[sz]\w*)?|sext\w*|porn\w*|nudes?|naked|rap(?:e[ds]?|ing)|molest\w*|erotic\w*|lewd|indecen\w*"
    r"|fondl\w*|genitals?|intercourse|prostitut\w*|seduc\w*|undress\w*|groomed|grooming|explicit"
    r"|intimate (?:images?|pictures?|photos?))\b",
    re.IGNORECASE,
)
# Adults are also called boys and girls, so these words count only beside a word for abuse.
_YOUNG = re.compile(r"\b(?:boys?|girls?|sons?|daughters?)\b", re.IGNORECASE)
_ABUSE = re.compile(
    r"\b(?:rap(?:e[ds]?|ing)|molest\w*|abus(?:e[ds]?|ing)|groomed|traffick\w*|sextort\w*)\b", re.IGNORECASE
)
_MEANS_BOTH = re.compile(r"\bp(?:a)?edophil\w*\b", re.IGNORECASE)
# Health and education texts often name both, so these words lower the score.
_TEACHING = re.compile(
    r"\b(?:sex(?:ual)? (?:education|health)|contracepti\w*|condoms?|puberty|vaccin\w*|consent|midwi\w*|p(?:a)?ediatric\w*"
    r"|kindergarten|nurses?|counsell?ors? (?:says?|suggests?)|napp(?:y|ies)|diapers?|protect (?:my|your|our)"
    r"|how (?:do|can|should) (?:i|we))\b",
    re.IGNORECASE,
)
_NAMED, _TAUGHT = 0.9, 0.3


def score(passage: str, sexual: float) -> float:
    """The score from 0 to 1. `sexual`: the passage's learned `sexual` score, used when the passage names a minor."""
    minor = _MINOR.search(passage) is not None
    named = (minor and _SEXUAL.search(passage) is not None) or _MEANS_BOTH.search(passage) is not None
    abused = _YOUNG.search(passage) is not None and _ABUSE.search(passage) is not None
    from_words = 0.0
    if named or abused:
        from_words = _TAUGHT if _TEACHING.search(passage) is not None else _NAMED
    return max(from_words, sexual if minor else 0.0)
