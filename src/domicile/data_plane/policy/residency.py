"""What may be asked in this region at all, whoever asks: models, parameters, and whatever would leave by another name."""

from dataclasses import dataclass
from typing import Any

from msgspec import UNSET

from domicile.catalogue.catalogue import Catalogue, Ineligible, ModelEntry
from domicile.catalogue.endpoints import Endpoint
from domicile.catalogue.parameters import ParameterClass, ParameterRule
from domicile.data_plane.policy.chat_content import ContentRules, refusal
from domicile.kernel import errors
from domicile.openai_api.chat import ChatCompletionRequest
from domicile.settings.installation import RegionSettings


@dataclass(frozen=True, slots=True)
class ChatRules:
    """What the catalogue says of the chat endpoint's parameters, ready for the request path."""

    refused: tuple[tuple[str, ParameterRule], ...]
    refused_values: tuple[tuple[str, ParameterRule], ...]
    content: ContentRules


@dataclass(frozen=True, slots=True)
class ResidencyPolicy:
    """The facts of one region that decide on requests. Built once, at the start."""

    region: str
    rows: str
    """The code whose rows of the catalogue hold here."""
    requires_enterprise: bool
    requires_zdr: bool
    allows_storing: bool
    catalogue: Catalogue
    chat: ChatRules

    @classmethod
    def for_region(cls, settings: RegionSettings, catalogue: Catalogue) -> "ResidencyPolicy":
        """The policy of a configured region. Raises ValueError when a parameter of a request has no class."""
        return cls(
            region=settings.code,
            rows=settings.catalogue_rows,
            requires_enterprise="enterprise" in settings.requires,
            requires_zdr="zdr" in settings.requires,
            allows_storing=settings.allows_storing,
            catalogue=catalogue,
            chat=_chat_rules(catalogue),
        )

    def models(self) -> tuple[ModelEntry, ...]:
        """Every snapshot that is eligible here for any endpoint."""
        return self.catalogue.models(self.rows)

    def eligible_model(self, endpoint: Endpoint, name: str) -> ModelEntry:
        """The snapshot that a name means. Raises 404 for an unknown name, 400 for one that is not eligible here."""
        model = self.catalogue.find_model(name)
        if model is None:
            raise errors.model_not_found(name)
        eligibility = self.catalogue.eligibility(endpoint, model.name, self.rows)
        if eligibility.reason is Ineligible.ENDPOINT:
            raise errors.endpoint_not_eligible(endpoint, self.region)
        if eligibility.reason is Ineligible.MODEL:
            raise errors.model_not_eligible(name, endpoint, self.region, list(eligibility.eligible_models))
        return model

    def check_chat_parameters(self, request: ChatCompletionRequest) -> None:
        """Raises 400 for a parameter, or a value of one, that is refused here. `null` asks for nothing."""
        for name, rule in self.chat.refused:
            value = getattr(request, name)
            if value is not UNSET and value is not None:
                raise refusal(rule, name)
        for name, rule in self.chat.refused_values:
            if _holds(getattr(request, name), rule.refused_values):
                raise refusal(rule, name)


def _holds(value: Any, refused: frozenset[str]) -> bool:
    values = value if isinstance(value, list) else [value]
    return any(item in refused for item in values)


def _chat_rules(catalogue: Catalogue) -> ChatRules:
    rules = catalogue.parameters[Endpoint.CHAT_COMPLETIONS]
    unknown = set(ChatCompletionRequest.__struct_fields__) ^ set(rules.parameters)
    if unknown:
        # Fails closed: what has no class could neither be refused nor kept from an engine.
        raise ValueError(f"parameters without a class in the catalogue, or the reverse: {', '.join(sorted(unknown))}")
    return ChatRules(
        refused=tuple((n, rule) for n, rule in rules.parameters.items() if rule.kind is ParameterClass.REFUSE),
        refused_values=tuple((n, rule) for n, rule in rules.parameters.items() if rule.refused_values),
        content=ContentRules.of(rules.members),
    )
