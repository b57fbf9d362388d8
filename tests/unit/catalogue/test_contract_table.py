"""The contract's table, line by line: what is listed is served in both regions, and nothing else is."""

import pytest

from domicile.catalogue.catalogue import Ineligible, load_catalogue
from domicile.catalogue.endpoints import Endpoint

CATALOGUE = load_catalogue()
CHAT_SNAPSHOTS = {
    "o3-mini-2025-01-31",
    "o1-2024-12-17",
    "o1-mini-2024-09-12",
    "o1-preview",
    "gpt-4o-2024-11-20",
    "gpt-4o-2024-08-06",
    "gpt-4o-mini-2024-07-18",
    "gpt-4-turbo-2024-04-09",
    "gpt-4-0613",
    "gpt-3.5-turbo-0125",
}
FINE_TUNED = {"gpt-4o-2024-08-06", "gpt-4o-mini-2024-07-18"}
EMBEDDINGS = {"text-embedding-3-small", "text-embedding-3-large", "text-embedding-ada-002"}
TABLE: list[tuple[str, Endpoint, set[str]]] = [
    ("C20", Endpoint.CHAT_COMPLETIONS, CHAT_SNAPSHOTS),
    ("C21", Endpoint.IMAGES_GENERATIONS, {"dall-e-3"}),
    ("C22", Endpoint.AUDIO_TRANSCRIPTIONS, {"whisper-1"}),
    ("C22", Endpoint.AUDIO_TRANSLATIONS, {"whisper-1"}),
    ("C22", Endpoint.AUDIO_SPEECH, {"tts-1"}),
    ("C23", Endpoint.MODERATIONS, {"text-moderation-007", "omni-moderation-latest"}),
    ("C24", Endpoint.BATCHES, CHAT_SNAPSHOTS),
    ("C25", Endpoint.EMBEDDINGS, EMBEDDINGS),
    ("C26", Endpoint.FINE_TUNING_JOBS, FINE_TUNED),
    ("C26", Endpoint.FILES, FINE_TUNED),
]
BEYOND = {
    Endpoint.BATCHES: {*EMBEDDINGS, "gpt-3.5-turbo-instruct", "text-moderation-007", "omni-moderation-latest"},
    Endpoint.CHAT_COMPLETIONS: {"smollm2-135m-instruct"},
    Endpoint.COMPLETIONS: {"gpt-3.5-turbo-instruct", "smollm2-135m-instruct"},
    Endpoint.EMBEDDINGS: {"all-minilm-l6-v2"},
    Endpoint.IMAGES_GENERATIONS: {"procedural-sketch"},
    Endpoint.AUDIO_TRANSCRIPTIONS: {"whisper-base"},
    Endpoint.AUDIO_TRANSLATIONS: {"whisper-base"},
    Endpoint.AUDIO_SPEECH: {"kokoro-82m"},
    Endpoint.MODERATIONS: {"domicile-moderation"},
}


@pytest.mark.parametrize("region", ["us", "eu"])
@pytest.mark.parametrize(
    ("line", "endpoint", "models"),
    [pytest.param(*case, marks=pytest.mark.contract(case[0]), id=f"{case[0]}-{case[1]}") for case in TABLE],
)
def test_what_the_contract_lists_is_eligible_in_both_regions(
    line: str, endpoint: Endpoint, models: set[str], region: str
) -> None:
    rows = {row.model for row in CATALOGUE.rows if (row.contract, row.endpoint, row.region) == (line, endpoint, region)}
    assert rows == models
    for model in models:
        assert CATALOGUE.eligibility(endpoint, model, region).is_eligible


@pytest.mark.parametrize("region", ["us", "eu"])
@pytest.mark.parametrize("endpoint", Endpoint)
def test_what_is_not_listed_is_refused_and_what_is_listed_is_said(endpoint: Endpoint, region: str) -> None:
    listed = {name for _, listing, models in TABLE if listing is endpoint for name in models}
    listed |= BEYOND.get(endpoint, set())
    every_model = {row.model for row in CATALOGUE.rows}
    assert every_model == set().union(*(models for _, _, models in TABLE), *BEYOND.values())
    for model in every_model - listed:
        eligibility = CATALOGUE.eligibility(endpoint, model, region)
        assert not eligibility.is_eligible
        assert eligibility.reason is (Ineligible.MODEL if listed else Ineligible.ENDPOINT)
        assert set(eligibility.eligible_models) == listed
    assert set(CATALOGUE.eligible_models(endpoint, region)) == listed


def test_rows_of_our_own_are_marked() -> None:
    beyond = {(row.endpoint, row.model, row.region) for row in CATALOGUE.rows if row.contract is None}
    assert beyond == {
        (endpoint, model, region) for endpoint, models in BEYOND.items() for model in models for region in ("us", "eu")
    }


@pytest.mark.contract("C15")
def test_both_regions_serve_the_same() -> None:
    by_region = {
        region: {(row.endpoint, row.model) for row in CATALOGUE.rows if row.region == region} for region in ("us", "eu")
    }
    assert by_region["us"] == by_region["eu"]
    assert CATALOGUE.models("us") == CATALOGUE.models("eu")


@pytest.mark.parametrize("region", ["jp", "gb", "", "US", "EU"])
def test_a_region_without_rows_serves_nothing(region: str) -> None:
    assert CATALOGUE.models(region) == ()
    for endpoint in Endpoint:
        assert CATALOGUE.eligible_models(endpoint, region) == ()
        assert CATALOGUE.eligibility(endpoint, "gpt-4o-2024-08-06", region).reason is Ineligible.ENDPOINT


@pytest.mark.parametrize(
    ("alias", "snapshot"),
    [
        ("gpt-4o", "gpt-4o-2024-08-06"),
        ("gpt-4o-mini", "gpt-4o-mini-2024-07-18"),
        ("o3-mini", "o3-mini-2025-01-31"),
        ("o1", "o1-2024-12-17"),
        ("o1-mini", "o1-mini-2024-09-12"),
        ("o1-preview-2024-09-12", "o1-preview"),
        ("gpt-4-turbo", "gpt-4-turbo-2024-04-09"),
        ("gpt-4", "gpt-4-0613"),
        ("gpt-3.5-turbo", "gpt-3.5-turbo-0125"),
        ("text-moderation-latest", "text-moderation-007"),
        ("gpt-4o-2024-11-20", "gpt-4o-2024-11-20"),
    ],
)
def test_an_alias_means_one_snapshot(alias: str, snapshot: str) -> None:
    entry = CATALOGUE.find_model(alias)
    assert entry is not None
    assert entry.name == snapshot
    assert CATALOGUE.find_model(entry.name) is entry


@pytest.mark.parametrize("name", ["gpt-5", "gpt-4o-2024-05-13", "GPT-4o", "gpt-4o ", "", "ft:gpt-4o:acme::1"])
def test_nobody_has_heard_of_other_names(name: str) -> None:
    assert CATALOGUE.find_model(name) is None


@pytest.mark.contract("C27")
def test_scale_tier_is_a_feature_of_every_chat_snapshot() -> None:
    for name in CHAT_SNAPSHOTS:
        entry = CATALOGUE.find_model(name)
        assert entry is not None
        assert "scale_tier" in entry.features


@pytest.mark.contract("C28")
@pytest.mark.parametrize(
    "name",
    ["gpt-4o-2024-08-06", "gpt-4o-2024-11-20", "gpt-4o-mini-2024-07-18", "o1-2024-12-17", "o3-mini-2025-01-31"],
)
def test_structured_outputs_are_a_feature_of_those_that_have_them(name: str) -> None:
    entry = CATALOGUE.find_model(name)
    assert entry is not None
    assert "structured_outputs" in entry.features


@pytest.mark.contract("C29")
def test_text_image_and_audio_are_all_read_by_some_model() -> None:
    assert {modality for entry in CATALOGUE.models("eu") for modality in entry.modalities} == {"text", "image", "audio"}


@pytest.mark.contract("C02")
def test_zdr_applies_where_nothing_must_persist() -> None:
    assert {endpoint for endpoint in Endpoint if not endpoint.is_zdr_applicable} == {
        Endpoint.BATCHES,
        Endpoint.FILES,
        Endpoint.FINE_TUNING_JOBS,
    }
