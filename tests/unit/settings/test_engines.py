"""The engines of `domicile.toml`: what is wrong with one of them, or with two together, stops the start."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from domicile.catalogue.endpoints import Endpoint
from domicile.settings.engines import EngineSettings, group_problems
from tests.unit.data_plane.region_parts import engine_settings, region_settings

AZURE = {
    "vendor": "azure_openai",
    "url": "https://acme.openai.azure.com",
    "api_key_env": "K",
    "api_version": "2024-10-21",
}
OPENAI = {"vendor": "openai", "url": "https://eu.api.openai.example", "api_key_env": "K"}


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"vendor": "bedrock"}, "openai_compatible"),
        ({"url": "https://user:secret@host.example"}, "names their files"),
        ({"api_key": "secret"}, "Extra"),
        ({"api_key_env": "not a name"}, "pattern"),
        ({"api_key_env": "K", "api_key_file": "key"}, "not in both"),
        ({"ca_file": "ca.pem"}, "belongs to an https url"),
        ({"url": "http://127.0.0.1", "ca_file": "ca.pem"}, "belongs to an https url"),
        ({"url": "http://vllm.internal:8000"}, "private_network = true"),
        ({"vision_model": "m.gguf"}, "go together"),
        ({"embedded": True, "vision_mmproj": "p.gguf"}, "go together"),
        ({"vision_model": "m.gguf", "vision_mmproj": "p.gguf"}, "belongs to an embedded engine"),
        ({"endpoints": []}, "at least 1"),
        ({"endpoints": ["/v1/chat"]}, "chat/completions"),
        ({"equivalence_group": "Two Words"}, "pattern"),
        ({"max_concurrency": 0}, "greater than or equal to 1"),
        ({"max_queue": -1}, "greater than or equal to 0"),
        ({"health_path": "health"}, "pattern"),
        ({"api_version": "2024-10-21"}, "no other engine may have it"),
        ({"organization": "org-1"}, "vendor = 'openai'"),
        ({"embedded": True, **AZURE}, "a socket, not a url"),
        (AZURE | {"api_version": None}, "needs api_version"),
        (AZURE | {"api_version": "latest"}, "pattern"),
        (AZURE | {"api_key_env": None}, "needs a key"),
        (AZURE | {"url": "http://acme.openai.azure.com", "private_network": True}, "https url"),
        (AZURE | {"cache_salt": True}, "not support cache_salt"),
        (AZURE | {"preemptive": True}, "not support priorities"),
        ({"preemptive": True, "batch_share": 0.25}, "remove batch_share"),
        (AZURE | {"endpoints": ["/v1/moderations"]}, "does not serve"),
        (AZURE | {"organization": "org-1"}, "vendor = 'openai'"),
        (OPENAI | {"api_version": "v1"}, "no other engine may have it"),
        (OPENAI | {"api_key_env": None}, "needs a key"),
        (OPENAI | {"url": "http://api.openai.example", "private_network": True}, "https url"),
        (OPENAI | {"project": "a b"}, "pattern"),
    ],
)
def test_what_is_wrong_is_refused_and_said(members: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said) as caught:
        engine_settings(**members)
    assert "secret@" not in "".join(str(error["msg"]) for error in caught.value.errors())


def test_capabilities_are_names_for_parameters() -> None:
    assert engine_settings().refused_parameters == frozenset()
    bare = engine_settings(tools=False, json_schema=False, logprobs=False, unsupported_parameters=["seed"])
    assert {"tools", "functions", "logprobs", "seed", "response_format.json_schema"} <= bare.refused_parameters


def test_what_an_engine_serves() -> None:
    chat, moderations = Endpoint.CHAT_COMPLETIONS, Endpoint.MODERATIONS
    model = "gpt-4o-2024-08-06"
    assert engine_settings().serves(chat, model)
    assert not engine_settings().serves(chat, "gpt-4-0613")
    assert not engine_settings(endpoints=["/v1/completions"]).serves(chat, model)
    assert engine_settings(**AZURE).serves(chat, model)
    assert not engine_settings(**AZURE).serves(moderations, model), "Azure has no such endpoint"


def ungrouped(name: str, **members: Any) -> EngineSettings:
    """One that stands in for no other."""
    return engine_settings(name, equivalence_group=None, **members)


def embedded(name: str, **members: Any) -> EngineSettings:
    return engine_settings(name, embedded=True, **members)


class TestGroups:
    def test_two_engines_of_one_snapshot_are_in_one_group(self) -> None:
        for groups in ((None, None), ("a", None), ("a", "b")):
            one, two = (
                engine_settings(name, equivalence_group=group)
                for name, group in zip(("one", "two"), groups, strict=True)
            )
            [problem] = group_problems([one, two])
            assert "'one' and 'two' both serve 'gpt-4o-2024-08-06'" in problem
        together = [engine_settings(name, equivalence_group="a") for name in ("one", "two", "three")]
        assert not list(group_problems(together))

    def test_a_snapshot_may_have_an_engine_for_each_endpoint(self) -> None:
        chat, completions = ["/v1/chat/completions"], ["/v1/completions"]
        assert not list(group_problems([ungrouped("one", endpoints=chat), ungrouped("two", endpoints=completions)]))
        assert list(group_problems([ungrouped("one", endpoints=chat), ungrouped("two")]))

    @pytest.mark.contract("C05")
    def test_an_embedded_engine_stands_in_for_no_other(self) -> None:
        [problem] = group_problems(
            [embedded("small", equivalence_group="a"), engine_settings("large", equivalence_group="a")]
        )
        assert "an embedded model never stands in" in problem
        # Not even in a group in which no snapshot is shared yet.
        other = engine_settings("large", equivalence_group="a", models={"gpt-4-0613": "x"})
        assert list(group_problems([embedded("small", equivalence_group="a"), other]))
        assert not list(
            group_problems([embedded("small", equivalence_group="a"), embedded("other", equivalence_group="a")])
        )

    def test_a_region_does_not_start_with_such_engines(self, tmp_path: Path) -> None:
        engines = [ungrouped(name).model_dump() for name in ("one", "two")]
        with pytest.raises(ValidationError, match="give both the same equivalence_group"):
            region_settings(tmp_path, engines=engines)
