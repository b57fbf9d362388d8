"""Who ends a chat ends the transcriptions that it has asked for, and the ledger says of both who it was."""

import base64
from pathlib import Path
from typing import Any, cast

from domicile.boundary.retention import Retention
from domicile.boundary.usage import ServiceTier
from domicile.catalogue.endpoints import Endpoint
from domicile.data_plane.inference.audio_transcripts import AudioTranscripts
from domicile.data_plane.inference.lifecycle import Inference, Reply
from domicile.data_plane.inference.preparation import Prepared
from domicile.data_plane.inference.request_context import RequestContext
from domicile.data_plane.limits.reservation import Reservation
from domicile.data_plane.policy.admit import Admission
from domicile.data_plane.policy.caller import Caller
from domicile.data_plane.policy.residency import ResidencyPolicy
from domicile.data_plane.policy.wishes import Wishes
from domicile.data_plane.routing import Router
from domicile.openai_api.chat import ChatCompletionRequest
from domicile.openai_api.chat_messages import AudioPart, InputAudio, UserMessage
from tests.recordings import encoded, tone
from tests.unit.data_plane.region_parts import (
    KEY_ID,
    engine_settings,
    organization_record,
    project_record,
    region_settings,
    shipped_catalogue,
)

CHATS, HEARS = "gpt-4o-2024-11-20", "whisper-1"


class Ears:
    """An inference that hears one word in everything."""

    def __init__(self) -> None:
        self.contexts: list[RequestContext] = []

    async def answer(self, _adapter: Any, _caller: Any, _request: Any, context: RequestContext) -> Reply:
        self.contexts.append(context)
        return Reply("ears", b'{"text":"heard"}', "application/json")


async def test_a_transcription_ends_as_the_chat_that_it_is_for(tmp_path: Path) -> None:
    policy = ResidencyPolicy.for_region(region_settings(tmp_path), shipped_catalogue())
    router = Router([engine_settings(models={CHATS: "mind", HEARS: "ears"})])
    part = AudioPart(InputAudio(data=base64.b64encode(encoded(tone(1))).decode(), format="wav"))
    request = ChatCompletionRequest(model=CHATS, messages=[UserMessage(content=[part, part])])
    needs, caller = frozenset({"audio"}), Caller(organization_record(), project_record(), KEY_ID, "eu")
    model = shipped_catalogue().entries[CHATS]
    admission = Admission(
        caller,
        Endpoint.CHAT_COMPLETIONS,
        model,
        CHATS,
        request,
        Retention.ZERO_DATA_RETENTION,
        needs,
        wishes=Wishes(frozenset()),
    )
    ears, context = Ears(), RequestContext("req_chat")
    transcripts = AudioTranscripts(policy=policy, router=router, inference=cast(Inference, ears))
    reservation = Reservation(admission, ServiceTier.DEFAULT)
    prepared = await transcripts.prepare(reservation, Prepared(request, needs), context)
    assert [each.cancellation for each in ears.contexts] == [context.cancellation] * 2
    assert len({context.request_id, *(each.request_id for each in ears.contexts)}) == 3
    assert prepared.helped_by == ("ears",)
    assert prepared.needs == {"text"}
