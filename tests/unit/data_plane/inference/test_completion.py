"""What becomes of a complete reply: after metering and settling, for whatever runs the request."""

import json
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from domicile.data_plane.inference.adapter import ReplyPart
from domicile.data_plane.inference.chat import ChatAdapter
from domicile.data_plane.inference.image_links import LinkedImages
from domicile.data_plane.inference.images import ImagesAdapter
from domicile.data_plane.inference.request_context import RequestContext
from domicile.data_plane.metering.entry import LedgerEntry
from domicile.data_plane.routing import Placement
from domicile.data_plane.storage.image_links import ImageLinks
from domicile.kernel import errors
from domicile.kernel.errors import DomicileError
from domicile.openai_api.chat import ChatCompletionRequest
from domicile.openai_api.chat_messages import UserMessage
from domicile.openai_api.images import ImageRequest
from tests.pictures import data_url, encoded
from tests.unit.data_plane.inference.inference_under_test import CALLER, ScriptedEngine, inference_under_test
from tests.unit.data_plane.region_parts import SetClock, database_in

CHAT, IMAGES = "gpt-4o-2024-08-06", "dall-e-3"
PICTURE = encoded("PNG")
DRAWN = json.dumps({"created": 7, "data": [{"b64_json": data_url(PICTURE, "png").partition(",")[2]}]}).encode()
CHUNK = (
    b'{"id":"c","object":"chat.completion.chunk","created":1,"model":"m",'
    b'"choices":[{"index":0,"delta":{"content":"hi"},"finish_reason":"stop"}]}'
)
TALK = ChatCompletionRequest(model=CHAT, messages=[UserMessage(content="hi")], stream=True)


class Noting:
    """A completion that notes what it is given, and may fail."""

    def __init__(self, steps: list[str] | None = None, *, fails: bool = False) -> None:
        self.steps = steps if steps is not None else []
        self._fails = fails

    async def complete(self, placement: Placement, entry: LedgerEntry, part: ReplyPart) -> ReplyPart:
        assert placement.reservation.admission.caller.project.project_id == entry.project_id
        self.steps.append(f"completed {entry.request_id} {len(part.body)}")
        if self._fails:
            raise errors.service_unavailable("It cannot be kept.")
        return ReplyPart(part.body + b" ")


async def test_whatever_runs_a_request_for_links_gets_links(tmp_path: Path) -> None:
    """A batch line has no handler of HTTP around it."""
    async with database_in(tmp_path, "region") as database:
        links = ImageLinks(database, SetClock(), base_url="http://eu.example.com/v1", is_live=lambda _: True)
        engine = ScriptedEngine(DRAWN)
        async with inference_under_test(tmp_path, engine, [IMAGES], [LinkedImages(links)]) as tested:
            request = ImageRequest(model=IMAGES, prompt="a cat")
            reply = await tested.inference.answer(ImagesAdapter(), CALLER, request, RequestContext("req_1"))
            [image] = json.loads(reply.body)["data"]
            assert set(image) == {"url"}
            link = urlsplit(image["url"])
            assert await links.open(link.path.rpartition("/")[2], parse_qs(link.query)["key"][0]) == PICTURE
            whole = ImageRequest(model=IMAGES, prompt="a cat", response_format="b64_json")
            reply = await tested.inference.answer(ImagesAdapter(), CALLER, whole, RequestContext("req_2"))
            assert json.loads(reply.body) == json.loads(DRAWN)


async def test_a_completion_that_fails_costs_the_answer_and_not_the_count(tmp_path: Path) -> None:
    failing = Noting(fails=True)
    async with inference_under_test(tmp_path, ScriptedEngine(DRAWN), [IMAGES], [failing]) as tested:
        failing.steps = tested.steps
        request = ImageRequest(model=IMAGES, prompt="a cat")
        with pytest.raises(DomicileError) as caught:
            await tested.inference.answer(ImagesAdapter(), CALLER, request, RequestContext("req_1"))
        assert caught.value.code == "service_unavailable"
        [row] = await tested.ledger()
        assert (row.request_id, row.images, row.outcome) == ("req_1", 1, "complete")
        assert tested.steps == ["settled 1", f"completed req_1 {len(DRAWN.replace(b' ', b''))}"]


async def test_completions_run_in_their_order_each_on_the_part_of_the_one_before(tmp_path: Path) -> None:
    first, second = Noting(), Noting()
    async with inference_under_test(tmp_path, ScriptedEngine(DRAWN), [IMAGES], [first, second]) as tested:
        first.steps = second.steps = tested.steps
        request = ImageRequest(model=IMAGES, prompt="a cat")
        reply = await tested.inference.answer(ImagesAdapter(), CALLER, request, RequestContext("req_1"))
        size = len(reply.body) - 2
        assert tested.steps == ["settled 1", f"completed req_1 {size}", f"completed req_1 {size + 1}"]


@pytest.mark.parametrize("fails", [False, True])
async def test_a_stream_is_completed_once_before_its_end(tmp_path: Path, fails: bool) -> None:
    noting = Noting(fails=fails)
    engine = ScriptedEngine(b"", [CHUNK, CHUNK])
    async with inference_under_test(tmp_path, engine, [CHAT], [noting]) as tested:
        noting.steps = tested.steps
        opened = await tested.inference.stream(ChatAdapter(), CALLER, TALK, RequestContext("req_1"))
        *pieces, last = [piece async for piece in opened.pieces]
        assert len(pieces) == 2
        assert tested.steps == ["settled 2", "completed req_1 14"]
        if fails:
            assert json.loads(last.removeprefix(b"data: "))["error"]["code"] == "service_unavailable"
        else:
            assert last == b"data: [DONE]\n\n "
        [row] = await tested.ledger()
        assert row.outcome == "complete"


async def test_a_stream_that_is_closed_early_is_metered_settled_and_not_completed(tmp_path: Path) -> None:
    noting = Noting()
    engine = ScriptedEngine(b"", [CHUNK, CHUNK])
    async with inference_under_test(tmp_path, engine, [CHAT], [noting]) as tested:
        noting.steps = tested.steps
        context = RequestContext("req_1")
        opened = await tested.inference.stream(ChatAdapter(), CALLER, TALK, context)
        assert await anext(opened.pieces)
        context.cancellation.by_client()
        await opened.pieces.aclose()
        assert tested.steps == ["settled 1"]
        [row] = await tested.ledger()
        assert row.outcome == "client_left"


async def test_an_engine_is_given_a_call_and_nothing_of_its_caller_but_the_project(tmp_path: Path) -> None:
    engine = ScriptedEngine(DRAWN)
    async with inference_under_test(tmp_path, engine, [IMAGES]) as tested:
        request = ImageRequest(model=IMAGES, prompt="a cat")
        await tested.inference.answer(ImagesAdapter(), CALLER, request, RequestContext("req_1"))
    [call] = engine.calls
    assert (call.endpoint, call.model, call.project_id) == (
        ImagesAdapter.endpoint,
        "its-name",
        CALLER.project.project_id,
    )
    assert json.loads(call.request.body)["model"] == "its-name"
