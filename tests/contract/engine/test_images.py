"""The drawing program in its process, by the official SDK."""

import asyncio
import base64
import io
import time

import openai
import pytest
from PIL import Image
from tests.contract.engine.conftest import EngineProcess

MODEL = "procedural-sketch"


@pytest.mark.contract("C21")
def test_the_sdk_gets_pictures_that_differ_and_say_who_drew_them(sdk: openai.OpenAI) -> None:
    answer = sdk.images.generate(
        model=MODEL, prompt="a lake at sunset", n=2, size="1792x1024", response_format="b64_json"
    )
    assert answer.data is not None
    pictures = [base64.b64decode(item.b64_json or "") for item in answer.data]
    assert [Image.open(io.BytesIO(picture)).size for picture in pictures] == [(1792, 1024)] * 2
    assert pictures[0] != pictures[1]
    assert all("procedural-sketch" in (item.revised_prompt or "") for item in answer.data)


async def test_others_are_answered_while_it_draws(engine: EngineProcess) -> None:
    asked = {"model": MODEL, "prompt": "a forest", "n": 3, "quality": "hd", "response_format": "b64_json"}
    async with engine.asynchronous() as client:
        drawing = asyncio.create_task(client.post("/v1/images/generations", json=asked))
        worst, asked_meanwhile = 0.0, 0
        while not drawing.done():
            begun = time.monotonic()
            assert (await client.get("/health")).status_code == 200
            worst, asked_meanwhile = max(worst, time.monotonic() - begun), asked_meanwhile + 1
        assert (await drawing).status_code == 200
    assert asked_meanwhile > 5
    assert worst < 1.0
