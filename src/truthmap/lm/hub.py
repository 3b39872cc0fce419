"""Whether the model hub answers at all: the libraries that load from it would wait for ever."""

from __future__ import annotations


def hub_answers(name: str, revision: str | None) -> bool:
    """Ask the hub once about a model; tell whether anything came back, be it a refusal.

    It waits as long as the hub's own downloads do: `$HF_HUB_ETAG_TIMEOUT` seconds, 10 by default.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.constants import HF_HUB_ETAG_TIMEOUT
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, OfflineModeIsEnabled

    try:
        HfApi().model_info(name, revision=revision, timeout=HF_HUB_ETAG_TIMEOUT)
    except (HfHubHTTPError, HFValidationError, OfflineModeIsEnabled):
        return True  # loading says which of these it is
    except Exception as error:
        if not _is_of_the_network(error):
            raise
        return False
    return True


def _is_of_the_network(error: Exception) -> bool:
    # The hub's HTTP library has changed its name and may again; its errors have kept theirs.
    kinds = {kind.__name__ for kind in type(error).__mro__}
    return isinstance(error, OSError) or not kinds.isdisjoint({"TransportError", "TimeoutException", "Timeout"})
