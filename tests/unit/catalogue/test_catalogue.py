"""Loading the catalogue: an operator adds rows in the same form, and changes none of the contract's."""

import re
from pathlib import Path

import msgspec
import pytest

from domicile.boundary.snapshot import CatalogueVersion
from domicile.boundary.usage import ModelSnapshot
from domicile.catalogue.catalogue import load_catalogue
from domicile.catalogue.endpoints import Endpoint
from domicile.catalogue.tables import CatalogueError

MODEL = """
[[models]]
name = "qwen2.5-7b-instruct"
aliases = ["Qwen/Qwen2.5-7B-Instruct"]
created = 1726617600
owned_by = "Qwen"
modalities = ["text"]
"""
ROW = """
[[rows]]
endpoints = ["/v1/chat/completions"]
models = ["qwen2.5-7b-instruct"]
regions = ["eu"]
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "own.toml"


def test_an_operator_s_model_is_served_where_it_is_listed(file: Path) -> None:
    file.write_text(MODEL + ROW)
    catalogue = load_catalogue(file)
    entry = catalogue.find_model("Qwen/Qwen2.5-7B-Instruct")
    assert entry is not None
    assert entry.name == "qwen2.5-7b-instruct"
    assert catalogue.eligibility(Endpoint.CHAT_COMPLETIONS, entry.name, "eu").is_eligible
    assert not catalogue.eligibility(Endpoint.CHAT_COMPLETIONS, entry.name, "us").is_eligible
    assert entry in catalogue.models("eu")
    assert entry not in catalogue.models("us")
    added = [row for row in catalogue.rows if row.model == entry.name]
    assert [row.contract for row in added] == [None]


@pytest.mark.contract("C17")
def test_a_third_region_s_rows_are_rows(file: Path) -> None:
    file.write_text(
        '[[rows]]\nendpoints = ["/v1/chat/completions"]\nmodels = ["gpt-4o-2024-08-06"]\nregions = ["jp"]\n'
    )
    catalogue = load_catalogue(file)
    assert [entry.name for entry in catalogue.models("jp")] == ["gpt-4o-2024-08-06"]


def test_what_ships_stays_as_it_is(file: Path) -> None:
    file.write_text(MODEL + ROW)
    shipped = load_catalogue()
    extended = load_catalogue(file)
    assert extended.rows[: len(shipped.rows)] == shipped.rows
    assert all(extended.entries[name] == entry for name, entry in shipped.entries.items())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (MODEL.replace("qwen2.5-7b-instruct", "gpt-4o-2024-08-06") + ROW, "twice"),
        (MODEL.replace("Qwen/Qwen2.5-7B-Instruct", "gpt-4o") + ROW, "twice"),
        (MODEL.replace("Qwen/Qwen2.5-7B-Instruct", "gpt-4-0613") + ROW, "twice"),
        (MODEL + MODEL + ROW, "twice"),
        (MODEL + ROW + ROW, "twice"),
        (MODEL + ROW.replace("qwen2.5-7b-instruct", "gpt-4o-2024-08-06"), "twice"),
        (MODEL + ROW + 'contract = "C20"\n', "contract's own rows"),
        (ROW, "not the name of a model"),
        (ROW.replace("qwen2.5-7b-instruct", "gpt-4o"), "not the name of a model"),
        (MODEL + ROW.replace("regions", "region"), "unknown field `region`"),
        (MODEL + ROW.replace("completions", "complet"), "enum"),
        (MODEL + ROW.replace('"eu"', '"EU"'), "regex"),
        (MODEL + ROW.replace('["eu"]', "[]"), "length"),
        (MODEL.replace("qwen2.5-7b-instruct", "Qwen 2.5") + ROW, "regex"),
        (MODEL.replace('"text"', '"video"'), "video"),
        (MODEL + "price = 3\n", "unknown field `price`"),
        ("[[model]]\n", "unknown field `model`"),
        ("[[models", "own.toml"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(file: Path, text: str, said: str) -> None:
    file.write_text(text)
    with pytest.raises(CatalogueError, match=re.escape(said)):
        load_catalogue(file)


def test_a_file_that_cannot_be_read_is_an_error(file: Path) -> None:
    with pytest.raises(CatalogueError, match="cannot read"):
        load_catalogue(file)
    file.write_bytes(b"\xff")
    with pytest.raises(CatalogueError, match="UTF-8"):
        load_catalogue(file)


def test_the_version_is_of_the_data_and_of_nothing_else(file: Path) -> None:
    shipped = load_catalogue().version
    assert load_catalogue().version == shipped
    assert msgspec.convert(shipped, CatalogueVersion) == shipped
    file.write_text(MODEL + ROW)
    extended = load_catalogue(file).version
    assert extended != shipped
    file.write_text("# a remark\n" + MODEL + "\n\n" + ROW)
    assert load_catalogue(file).version == extended
    file.write_text(MODEL + ROW.replace('"eu"', '"us"'))
    assert load_catalogue(file).version not in {shipped, extended}


def test_every_snapshot_s_name_may_cross_the_boundary() -> None:
    for entry in load_catalogue().entries.values():
        assert msgspec.convert(entry.name, ModelSnapshot) == entry.name


def test_the_catalogue_does_not_change() -> None:
    catalogue = load_catalogue()
    for mapping in (catalogue.entries, catalogue.served, catalogue.parameters):
        with pytest.raises(TypeError):
            mapping["x"] = None  # type: ignore[index]
    with pytest.raises(AttributeError):
        catalogue.version = "x"  # type: ignore[misc]
