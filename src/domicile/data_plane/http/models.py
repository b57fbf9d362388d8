"""GET /v1/models and /v1/models/{id}: the models of this region and the engines that serve them (design 6)."""

from starlette.requests import Request

from domicile.catalogue.catalogue import ModelEntry
from domicile.data_plane import region_errors
from domicile.data_plane.http.answer import Answer, json_answer
from domicile.data_plane.inference.request_context import RequestContext
from domicile.data_plane.policy.caller import Caller
from domicile.data_plane.policy.residency import ResidencyPolicy, may_use
from domicile.data_plane.routing import Router
from domicile.openai_api.models import Answering, Model, ModelList


class Models:
    """Lists the models that are eligible in this region and bound to one of its engines."""

    def __init__(self, policy: ResidencyPolicy, router: Router) -> None:
        self._policy = policy
        self._router = router

    async def list(self, _request: Request, caller: Caller, _context: RequestContext) -> Answer:
        """Every name that the caller's requests may use: each model's own name, followed by its aliases."""
        named = [(name, model) for model in self._served(caller) for name in (model.name, *model.aliases)]
        return json_answer(ModelList(tuple(self._describe(name, model) for name, model in named)))

    async def get(self, request: Request, caller: Caller, _context: RequestContext) -> Answer:
        """One model by its name or an alias, shown under the requested name. Raises 404 `model_not_found`."""
        name = request.path_params["model"]
        found = self._policy.catalogue.find_model(name)
        for model in self._served(caller):
            if found is not None and model.name == found.name:
                return json_answer(self._describe(name, model))
        raise region_errors.model_not_found(name)

    def _served(self, caller: Caller) -> tuple[ModelEntry, ...]:
        models = self._policy.models()
        return tuple(model for model in models if may_use(caller, model) and self._router.labels(model.name))

    def _describe(self, name: str, model: ModelEntry) -> Model:
        return Model(name, model.created, model.owned_by, Answering(self._router.labels(model.name)))
