"""The page that a newcomer reads and pastes from."""

from pathlib import Path

import pytest

from domicile.apps.local.laptop import laptop_document
from domicile.apps.local.layout import Layout
from domicile.apps.local.placement import check, place
from domicile.apps.local.welcome import welcome
from domicile.catalogue.catalogue import load_catalogue

URLS = {
    "control": "http://127.0.0.1:8700/v1",
    "us": "http://127.0.0.1:8701/v1",
    "eu": "http://127.0.0.1:8702/v1",
}
KEY = "sk-admin-1secret"


def page(folder: Path, *, agreement: bool = True, show_key: bool = False) -> str:
    layout = Layout(folder)
    layout.make(["control"])
    layout.admin_key.write_text(KEY + "\n")
    ports = {"control": 8700, "us": 8701, "eu": 8702}
    placed = place(laptop_document(load_catalogue()), folder, layout, ports, 15000, agreement=agreement)
    return welcome(check(placed, folder, layout), layout, URLS, show_key=show_key)


@pytest.mark.parametrize("show_key", [True, False])
def test_the_admin_key_is_shown_only_when_asked(tmp_path: Path, show_key: bool) -> None:
    assert (KEY in page(tmp_path, show_key=show_key)) is show_key


def test_the_python_lines_are_python_and_end_in_an_answer_from_europe(tmp_path: Path) -> None:
    lines = page(tmp_path).splitlines()
    begin = lines.index("  from pathlib import Path")
    end = lines.index("  print(answer.choices[0].message.content)")
    snippet = "\n".join(line.removeprefix("  ") for line in lines[begin : end + 1])
    compile(snippet, "snippet", "exec")
    assert 'residency="EU_STORAGE_PROCESSING"' in snippet
    assert f'base_url="{URLS["eu"]}"' in snippet
    assert KEY not in snippet


def test_without_agreement_the_lines_to_paste_use_a_region_that_is_open(tmp_path: Path) -> None:
    text = page(tmp_path, agreement=False)
    assert "--region us" in text
    assert "EU_STORAGE_PROCESSING" not in text
    assert URLS["eu"] in text
