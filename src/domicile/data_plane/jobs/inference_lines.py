"""Runs a line as a request of its own, admitted anew by the snapshot in force, under its batch's endpoint and project."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from domicile.catalogue.endpoints import Endpoint
from domicile.data_plane import region_errors
from domicile.data_plane.inference.adapter import EndpointAdapter
from domicile.data_plane.inference.chat import ChatAdapter
from domicile.data_plane.inference.completions import CompletionsAdapter
from domicile.data_plane.inference.embeddings import EmbeddingsAdapter
from domicile.data_plane.inference.lifecycle import Inference, Reply
from domicile.data_plane.inference.moderations import ModerationsAdapter
from domicile.data_plane.inference.request_context import RequestContext
from domicile.data_plane.jobs.batch import Batch
from domicile.data_plane.jobs.caller import BatchCallers
from domicile.data_plane.jobs.line import NotNowError
from domicile.data_plane.jobs.line_meter import collecting
from domicile.data_plane.jobs.results import LineReply, line_id
from domicile.data_plane.jobs.validation import FindModel
from domicile.data_plane.policy.caller import Caller
from domicile.data_plane.policy.residency import ResidencyPolicy
from domicile.kernel.errors import Category, DomicileError
from domicile.openai_api import embeddings
from domicile.openai_api.batches import BatchRequest
from domicile.openai_api.chat import ChatCompletionRequest
from domicile.openai_api.closed import ModelRequest
from domicile.openai_api.completions import CompletionRequest
from domicile.openai_api.moderations import ModerationRequest
from domicile.process.off_loop import off_loop
from domicile.web import error_rendering
from domicile.web.bodies.json_body import MAX_VALUES
from domicile.web.bodies.tolerant_json import decode_dropping

PAUSES_S = (1.0, 2.0, 4.0)
"""Before a line is tried again for which no engine was free. After the last, its chunk waits."""
_NOT_NOW = frozenset({Category.UNAVAILABLE, Category.RATE_LIMITED})


@dataclass(frozen=True, slots=True)
class _Endpoint:
    adapter: EndpointAdapter[Any]
    request: type[ModelRequest]
    max_values: int = MAX_VALUES


ENDPOINTS: Mapping[Endpoint, _Endpoint] = {
    Endpoint.CHAT_COMPLETIONS: _Endpoint(ChatAdapter(), ChatCompletionRequest),
    Endpoint.COMPLETIONS: _Endpoint(CompletionsAdapter(), CompletionRequest),
    Endpoint.EMBEDDINGS: _Endpoint(EmbeddingsAdapter(), embeddings.EmbeddingRequest, embeddings.MAX_VALUES),
    Endpoint.MODERATIONS: _Endpoint(ModerationsAdapter(), ModerationRequest),
}
"""The endpoints that take batches."""


def batch_models(policy: ResidencyPolicy) -> FindModel:
    """Finds models that the region runs in batches (contract C24) and at the endpoint."""

    def find(endpoint: Endpoint, name: str) -> str:
        policy.eligible_model(Endpoint.BATCHES, name)
        return policy.eligible_model(endpoint, name).name

    return find


class InferenceLines:
    """A worker's `RunLine`."""

    def __init__(self, inference: Inference, callers: BatchCallers, find_model: FindModel) -> None:
        """`inference` records usage with a `LineMeter`."""
        self._inference = inference
        self._callers = callers
        self._find_model = find_model

    async def run(self, request: BatchRequest, batch: Batch, line: int) -> LineReply:
        """The answer, or the error as the endpoint would have sent it. A line for which no engine is free is tried again."""
        for pause_s in PAUSES_S:
            try:
                return await self._attempt(request, batch, line)
            except NotNowError:
                await asyncio.sleep(pause_s)
        return await self._attempt(request, batch, line)

    async def _attempt(self, request: BatchRequest, batch: Batch, line: int) -> LineReply:
        caller, request_id = self._callers.caller(batch.project_id, batch.key_id), line_id(batch.batch_id, line)
        with collecting() as entries:
            try:
                reply = await self._answer(caller, bytes(request.body), batch, request_id)
            except DomicileError as error:
                if error.category in _NOT_NOW:
                    raise NotNowError from None
                rendered = error_rendering.render(error)
                return LineReply(rendered.status, request_id, rendered.body, tuple(entries))
        return LineReply(200, request_id, reply.body, tuple(entries))

    async def _answer(self, caller: Caller, body: bytes, batch: Batch, request_id: str) -> Reply:
        endpoint = ENDPOINTS[batch.endpoint]
        droppable = self._inference.droppable(batch.endpoint)
        decode = partial(decode_dropping, body, endpoint.request, droppable, max_values=endpoint.max_values)
        decoded = (await off_loop(decode, len(body), batch.project_id)).value
        if self._find_model(batch.endpoint, decoded.model) != batch.model:
            raise region_errors.model_not_found(decoded.model)
        if getattr(decoded, "stream", None):
            raise region_errors.no_streams_in_batches()
        context = RequestContext(request_id, len(body), is_batch=True)
        return await self._inference.answer(endpoint.adapter, caller, decoded, context)
