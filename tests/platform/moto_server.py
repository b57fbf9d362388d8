"""moto's server, whose KMS refuses a key that is disabled, as AWS's does and moto's own does not."""

from typing import Any

from moto.core.exceptions import JsonRESTError
from moto.kms.models import KmsBackend
from moto.server import main


class KeyDisabledError(JsonRESTError):
    """As AWS words it."""

    code = 400

    def __init__(self) -> None:
        super().__init__("DisabledException", "the key is disabled")


def _refuse_disabled(operation: str) -> None:
    method = getattr(KmsBackend, operation)

    def checked(self: KmsBackend, *arguments: Any, **named: Any) -> Any:
        if not self.keys[self.any_id_to_key_id(named["key_id"])].enabled:
            raise KeyDisabledError
        return method(self, *arguments, **named)

    setattr(KmsBackend, operation, checked)


if __name__ == "__main__":
    for each in ("encrypt", "decrypt"):
        _refuse_disabled(each)
    main()
