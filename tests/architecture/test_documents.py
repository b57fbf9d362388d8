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


DESIGN = ROOT / "docs" / "design"
_REFERENCE = re.compile(r"\bdesign ((?:\d(?:\.\d)?(?:, | and )?)+)")


def design_sections() -> set[str]:
    """The numbers of the design's sections: `4` is a page, `4.6` a heading of it."""
    pages = {page.name.partition("-")[0]: page.read_text("utf-8") for page in DESIGN.glob("[0-9]-*.md")}
    return {*pages, *(found for page in pages.values() for found in re.findall(r"^### (\d\.\d) ", page, re.MULTILINE))}


def design_references(text: str) -> set[str]:
    """The sections that a text refers to, as in `design 3 and 4.6`."""
    return {number for found in _REFERENCE.findall(text) for number in re.findall(r"\d(?:\.\d)?", found)}


def test_every_reference_to_the_design_leads_to_a_section() -> None:
    sections = design_sections()
    files = [file for folder in ("src", "tests", "bench", "docs") for file in (ROOT / folder).rglob("*.py")] + PAGES
    lost = [(file.name, gone) for file in files if (gone := design_references(file.read_text("utf-8")) - sections)]
    assert lost == []


def test_a_reference_to_the_design_is_recognised() -> None:
    assert design_references("(design 4.6, contract C12); design 3 and 4; a design of 8") == {"4.6", "3", "4"}
    assert {"1", "4.8", "9"} <= design_sections()
    assert "4.9" not in design_sections()
