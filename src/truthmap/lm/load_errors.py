"""What loading a model can raise, in one plain line that says what to do; and whether the model hub answers at all."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from truthmap.errors import ModelError
from truthmap.lm.builtin import BUILTIN

POSSIBLE = f"expected a built-in model ({', '.join(BUILTIN)}), a folder, a .gguf file or a hub id (owner/name)"
_UNREACHABLE = "couldn't connect"  # how transformers says that the hub was not reached
_NO_WEIGHTS = "no file named model.safetensors"  # how it says that there are none, or only pickles
_LONGEST = 300  # characters of another library's message


@contextmanager
def as_model_error(name: str, source: str, revision: str | None) -> Iterator[None]:
    """Turn whatever loading raises into a `ModelError`.

    Loading runs through four libraries; what they raise is not one family, and the hub's own errors come wrapped.

    Args:
        name: What the user called the model.
        source: What transformers loads: a folder or a hub id.
        revision: The revision asked for.
    """
    try:
        yield
    except ModelError:
        raise
    except json.JSONDecodeError as error:
        raise ModelError(f"{name} cannot be loaded: one of its files is not JSON ({error})") from error
    except Exception as error:
        raise ModelError(_message(name, source, revision, error)) from error


def hub_answers(name: str, revision: str | None) -> bool:
    """Ask the hub once about a model; tell whether it answers, be it with a refusal.

    The libraries that load from it would wait for ever. This waits as long as the hub's own downloads do:
    `$HF_HUB_ETAG_TIMEOUT` seconds, 10 by default.
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


def _message(name: str, source: str, revision: str | None, error: Exception) -> str:
    from huggingface_hub import errors as hub

    chain = list(_causes(error))
    if _any(chain, hub.GatedRepoError):
        return f"the hub model {name} is gated: ask for access on its page, then run `hf auth login`"
    if _any(chain, hub.RevisionNotFoundError):
        return f"the hub model {name} has no revision {revision or 'main'!r}"
    if _any(chain, hub.RepositoryNotFoundError, hub.HFValidationError):
        return f"the hub has no model {name!r} that you may read: {POSSIBLE}; a private one needs `hf auth login`"
    if any("trust_remote_code" in str(link) for link in chain):
        return f"{name} comes with Python code of its own; read it, and if you trust it add --trust-remote-code"
    reason = " ".join(str(error).split())[:_LONGEST] or type(error).__name__
    if _NO_WEIGHTS in reason:
        return (
            f"{name} has no weights as safetensors, the only kind that is read: a pickle such as pytorch_model.bin can "
            "hold code. Where you trust it, load it with transformers and save it again with `save_pretrained`"
        )
    if Path(source).is_dir():
        return f"the model {name!r} cannot be loaded: {reason}"
    if _any(chain, hub.OfflineModeIsEnabled, hub.LocalEntryNotFoundError, ConnectionError) or _UNREACHABLE in reason:
        return (
            f"the model {name!r} is not on this machine and the hub cannot be reached: {POSSIBLE}; on a machine with "
            f"a network, `hf download {name} --local-dir FOLDER` makes a folder to copy here"
        )
    return f"the model {name!r} cannot be loaded: {POSSIBLE}; the hub says: {reason}"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and what it came from."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _any(chain: list[BaseException], *kinds: type[BaseException]) -> bool:
    return any(isinstance(error, kinds) for error in chain)


def _is_of_the_network(error: Exception) -> bool:
    # The hub's HTTP library has changed its name and may again; its errors have kept theirs.
    kinds = {kind.__name__ for kind in type(error).__mro__}
    return isinstance(error, OSError) or not kinds.isdisjoint({"TransportError", "TimeoutException", "Timeout"})
