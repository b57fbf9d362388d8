"""Embeddings by a real model in both regions, through the official SDK (C25)."""

import math

import pytest
from openai import BadRequestError

from tests.e2e.conftest import RunningUp
from tests.platform.installation import IssuedKey

SNAPSHOTS = ("text-embedding-3-small", "text-embedding-3-large", "text-embedding-ada-002")
BOTH = pytest.mark.parametrize("code", ["us", "eu"])


@pytest.fixture
def keys(us_key: IssuedKey, eu_key: IssuedKey) -> dict[str, str]:
    return {"us": us_key.secret, "eu": eu_key.secret}


def cosine(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True)) / (math.hypot(*one) * math.hypot(*other))


@BOTH
@pytest.mark.contract("C25")
def test_each_snapshot_embeds_texts_and_says_what_really_ran(up: RunningUp, keys: dict[str, str], code: str) -> None:
    client = up.client(code, keys[code])
    served = {model.id: model for model in client.models.list()}
    for snapshot in (*SNAPSHOTS, "all-minilm-l6-v2"):
        answer = client.embeddings.create(model=snapshot, input=["The cat sleeps.", "A cat is asleep.", "Shares fell."])
        cat, same, shares = (item.embedding for item in answer.data)
        assert cosine(cat, same) > cosine(cat, shares) + 0.3
        assert answer.model == snapshot
        assert answer.usage.total_tokens == answer.usage.prompt_tokens > 9
        assert served[snapshot].model_extra == {"domicile": {"engines": ["all-minilm-l6-v2"]}}


@BOTH
@pytest.mark.contract("C25")
def test_token_ids_encodings_and_dimensions(up: RunningUp, keys: dict[str, str], code: str) -> None:
    embeddings = up.client(code, keys[code]).embeddings
    # What the SDK asks for by itself is base64; `float` must be the same numbers.
    (by_default,) = embeddings.create(model=SNAPSHOTS[0], input="Hello world").data
    (as_numbers,) = embeddings.create(model=SNAPSHOTS[0], input="Hello world", encoding_format="float").data
    assert as_numbers.embedding == by_default.embedding
    (of_tokens, again) = embeddings.create(model=SNAPSHOTS[0], input=[[9906, 1917], [9906, 1917]]).data
    assert of_tokens.embedding == again.embedding == by_default.embedding
    (short,) = embeddings.create(model=SNAPSHOTS[1], input="Hello world", dimensions=64).data
    assert len(short.embedding) == 64
    sizes = {name: len(embeddings.create(model=name, input="Hello world").data[0].embedding) for name in SNAPSHOTS}
    assert sizes == {SNAPSHOTS[0]: 1536, SNAPSHOTS[1]: 3072, SNAPSHOTS[2]: 1536}
    assert math.hypot(*short.embedding) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(
    ("members", "code", "param"),
    [
        ({"input": ""}, "invalid_value", "input"),
        ({"input": ["a", ""]}, "invalid_value", "input[1]"),
        ({"input": ["a"] * 3000}, "invalid_value", "input"),
        ({"input": "word " * 8200}, "context_length_exceeded", "input"),
        ({"input": "a", "dimensions": 1537}, "invalid_value", "dimensions"),
        ({"input": "a", "dimensions": 64, "model": "text-embedding-ada-002"}, "unsupported_parameter", "dimensions"),
        ({"input": "a", "model": "gpt-4o"}, "model_not_eligible", "model"),
    ],
)
@pytest.mark.contract("C25")
def test_what_cannot_be_embedded_is_refused_by_its_member(
    up: RunningUp, keys: dict[str, str], members: dict[str, object], code: str, param: str
) -> None:
    with pytest.raises(BadRequestError) as caught:
        up.client("eu", keys["eu"]).embeddings.create(input="x", model=SNAPSHOTS[0], extra_body=members)
    assert (caught.value.code, caught.value.param) == (code, param)
