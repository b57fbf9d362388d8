"""Figures of the embedded moderation model on the test set: the tables of docs/moderation.md.

`python -m training.moderation.evaluate` prints them.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from domicile_engines.models.minilm.model import MiniLm
from domicile_engines.models.moderation.categories import CATEGORIES, FLAGGED_FROM
from domicile_engines.models.moderation.passages import passages
from domicile_engines.models.moderation.text_model import load_heads, score_passage
from training.moderation.texts import TEST_SET, Labelled, read

CLEAN = "clean"


@dataclass(frozen=True)
class Figure:
    """One category on the test set."""

    category: str
    texts: int
    found: int
    flagged: int

    @property
    def precision(self) -> float:
        """Of what was flagged, how much was labelled so."""
        return self.found / self.flagged if self.flagged else 0.0

    @property
    def recall(self) -> float:
        """Of what was labelled so, how much was flagged."""
        return self.found / self.texts

    @property
    def f1(self) -> float:
        """Their harmonic mean."""
        return 2 * self.found / (self.flagged + self.texts)

    def row(self) -> str:
        """A row of the table."""
        return f"| {self.category} | {self.texts} | {self.precision:.2f} | {self.recall:.2f} | {self.f1:.2f} |"


Flagged = frozenset[str]


def flag(texts: Sequence[Labelled]) -> list[Flagged]:
    """The categories that the engine's model flags of each text."""
    model, heads = MiniLm(1), load_heads()
    flagged = []
    for each in texts:
        scores = [score_passage(model, heads, passage) for passage in passages(each.text)]
        flagged.append(
            frozenset(name for index, name in enumerate(CATEGORIES) if max(s[index] for s in scores) >= FLAGGED_FROM)
        )
    return flagged


def figures(texts: Sequence[Labelled], flagged: Sequence[Flagged]) -> list[Figure]:
    """One for each category."""
    return [
        Figure(
            category,
            texts=sum(category in each.labels for each in texts),
            found=sum(category in each.labels and category in seen for each, seen in zip(texts, flagged, strict=True)),
            flagged=sum(category in seen for seen in flagged),
        )
        for category in sorted(CATEGORIES)
    ]


def clean_rows(texts: Sequence[Labelled], flagged: Sequence[Flagged]) -> list[str]:
    """How many clean texts of each kind are flagged at all."""
    total, wrong = Counter[str](), Counter[str]()
    for each, seen in zip(texts, flagged, strict=True):
        if not each.labels:
            total[each.kind] += 1
            wrong[each.kind] += bool(seen)
    rows = [
        f"| {kind.removeprefix('negative/').removeprefix('clean/')} | {total[kind]} | {wrong[kind]} |" for kind in total
    ]
    return [*rows, f"| all | {total.total()} | {wrong.total()} |"]


def confusion(texts: Sequence[Labelled], flagged: Sequence[Flagged]) -> Mapping[str, Counter[str]]:
    """For the texts of each set of labels: how often each category was flagged."""
    table: dict[str, Counter[str]] = {}
    for each, seen in zip(texts, flagged, strict=True):
        row = table.setdefault(_primary(each), Counter())
        row.update(seen or {CLEAN})
        row["texts"] += 1
    return table


def confusion_rows(table: Mapping[str, Counter[str]]) -> list[str]:
    """The table's lines, the categories' names shortened in its head."""
    names = [*sorted(CATEGORIES), CLEAN]
    head = " | ".join(_SHORT[name] for name in names)
    lines = [f"| labelled as \\ flagged as | texts | {head} |", "|---" * (len(names) + 2) + "|"]
    for label in names:
        row = table[label]
        lines.append(f"| {label} | {row['texts']} | " + " | ".join(str(row[name] or "") for name in names) + " |")
    return lines


_SHORT = {
    "harassment": "ha", "harassment/threatening": "ha/t", "hate": "h", "hate/threatening": "h/t", "illicit": "il",
    "illicit/violent": "il/v", "self-harm": "sh", "self-harm/instructions": "sh/ins", "self-harm/intent": "sh/int",
    "sexual": "s", "sexual/minors": "s/m", "violence": "v", "violence/graphic": "v/g", CLEAN: "none",
}  # fmt: skip


def _primary(each: Labelled) -> str:
    """The narrowest label, which names the row."""
    return max(each.labels, key=lambda label: ("/" in label, label != "violence", label), default=CLEAN)


def main() -> None:
    """Print the tables."""
    texts = read(TEST_SET)
    flagged = flag(texts)
    print("\n".join(figure.row() for figure in figures(texts, flagged)), end="\n\n")
    print("\n".join(clean_rows(texts, flagged)), end="\n\n")
    print("\n".join(confusion_rows(confusion(texts, flagged))))


if __name__ == "__main__":
    main()
