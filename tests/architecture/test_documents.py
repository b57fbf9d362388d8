"""The documents hang together: what one refers to is there, and a newcomer finds every page from the README."""

import re

from tests.architecture.source import ROOT

PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]


def anchors(page: str) -> set[str]:
    """The names under which GitHub shows a page's headings."""
    titles = re.findall(r"^#+ (.+)$", page, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_every_reference_leads_somewhere() -> None:
    lost = []
    for page in PAGES:
        for reference in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
            if "://" in reference:
                continue
            path, _, anchor = reference.partition("#")
            target = page.parent / path if path else page
            if not target.exists() or (anchor and anchor not in anchors(target.read_text("utf-8"))):
                lost.append(f"{page.relative_to(ROOT)}: {reference}")
    assert lost == []


def test_the_readme_knows_every_page() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    assert [page.name for page in (ROOT / "docs").glob("*.md") if f"(docs/{page.name})" not in readme] == []


def test_a_decision_has_a_number_of_its_own() -> None:
    decisions = [*(ROOT / "docs" / "decisions").glob("*.md")]
    assert len({page.name[:4] for page in decisions}) == len(decisions)
    assert [page.name for page in decisions if not page.read_text("utf-8").startswith(f"# {page.name[:4]}: ")] == []
