"""The catalogue's rules for each served endpoint's requests, prepared once for the request path."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from domicile.catalogue.catalogue import Catalogue
from domicile.catalogue.endpoints import Endpoint
from domicile.catalogue.parameters import ParameterClass, ParameterRule
from domicile.catalogue.tables import Feature, FeatureLimitsTable
from domicile.data_plane.policy.chat_content import chat_inspection
from domicile.data_plane.policy.content import Inspect, Members, recording_inspection, text_inspection
from domicile.data_plane.policy.embedding_content import embedding_inspection
from domicile.data_plane.policy.image_content import image_inspection
from domicile.data_plane.policy.moderation_content import moderation_inspection
from domicile.data_plane.policy.wishes import WishRules
from domicile.openai_api.audio_speech import SpeechRequest
from domicile.openai_api.audio_transcription import TranscriptionRequest, TranslationRequest
from domicile.openai_api.chat import ChatCompletionRequest
from domicile.openai_api.closed import ModelRequest
from domicile.openai_api.completions import CompletionRequest
from domicile.openai_api.embeddings import EmbeddingRequest
from domicile.openai_api.images import ImageRequest
from domicile.openai_api.moderations import ModerationRequest
from domicile.web.bodies.dropped_members import DroppedMembers

# The complete list of served endpoints, with their request types and content inspections.
SERVED: Mapping[Endpoint, tuple[type[ModelRequest], Callable[[Members], Inspect]]] = MappingProxyType(
    {
        Endpoint.AUDIO_TRANSCRIPTIONS: (TranscriptionRequest, recording_inspection),
        Endpoint.AUDIO_TRANSLATIONS: (TranslationRequest, recording_inspection),
        Endpoint.AUDIO_SPEECH: (SpeechRequest, text_inspection),
        Endpoint.CHAT_COMPLETIONS: (ChatCompletionRequest, chat_inspection),
        Endpoint.COMPLETIONS: (CompletionRequest, text_inspection),
        Endpoint.EMBEDDINGS: (EmbeddingRequest, embedding_inspection),
        Endpoint.IMAGES_GENERATIONS: (ImageRequest, image_inspection),
        Endpoint.MODERATIONS: (ModerationRequest, moderation_inspection),
    }
)


@dataclass(frozen=True, slots=True)
class EndpointRules:
    """The rules of one endpoint."""

    refused: tuple[tuple[str, ParameterRule], ...]
    refused_values: tuple[tuple[str, ParameterRule], ...]
    inspect: Inspect
    wishes: WishRules
    limits: Mapping[Feature, FeatureLimitsTable]
    """Parameters, values and roles that models with a feature refuse."""
    dropped: DroppedMembers
    """Members that are accepted and dropped."""


def endpoint_rules(catalogue: Catalogue) -> Mapping[Endpoint, EndpointRules]:
    """The rules of every served endpoint. Fails closed.

    Raises ValueError when a request's parameter has no class in the catalogue, or a class has no parameter: without a class it
    could neither be refused nor kept from an engine. Raises ValueError also for a default that is no value of its parameter,
    KeyError for a member without a rule.
    """
    return MappingProxyType(
        {
            endpoint: _rules(catalogue, endpoint, request, inspection)
            for endpoint, (request, inspection) in SERVED.items()
        }
    )


def _rules(
    catalogue: Catalogue,
    endpoint: Endpoint,
    request: type[ModelRequest],
    inspection: Callable[[Members], Inspect],
) -> EndpointRules:
    rules = catalogue.parameters[endpoint]
    unknown = set(request.__struct_encode_fields__) ^ set(rules.parameters)
    if unknown:
        raise ValueError(
            f"parameters of {endpoint} without a class in the catalogue, or the reverse: {', '.join(sorted(unknown))}"
        )
    attributes = dict(zip(request.__struct_encode_fields__, request.__struct_fields__, strict=True))
    return EndpointRules(
        refused=tuple(
            (attributes[name], rule) for name, rule in rules.parameters.items() if rule.kind is ParameterClass.REFUSE
        ),
        refused_values=tuple(
            (attributes[name], rule) for name, rule in rules.parameters.items() if rule.refused_values
        ),
        inspect=inspection(rules.members),
        wishes=WishRules.of(request, rules),
        limits=rules.features,
        dropped=DroppedMembers(rules.dropped),
    )
