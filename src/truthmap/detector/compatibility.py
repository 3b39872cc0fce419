"""Whether a loaded model is the one a detector was made for."""

from __future__ import annotations

from collections.abc import Mapping

from truthmap.detector.config import DetectorConfig
from truthmap.detector.streaming import StateSpec, record_answer_states
from truthmap.errors import ModelError
from truthmap.lm.load_settings import LoadSettings
from truthmap.lm.model import LanguageModel

MUST_AGREE = ("architecture", "weights", "tokenizer", "template", "prompt_format", "dtype")
"""What of a model's identity a score depends on; its name, revision and the library's version may differ."""
_SAME_LIBRARY = "config"
"""What must agree where the library's version does: another version knows other settings."""


def differences(config: DetectorConfig, lm: LanguageModel) -> tuple[str, ...]:
    """Name everything in which a model differs from the sealed one in a way that changes scores."""
    identity = lm.identity()
    found = identity_differences(config.model.identity, identity)
    if lm.n_layers != config.model.n_layers:
        found += (f"it has {lm.n_layers} layers, not {config.model.n_layers}",)
    hook_points = lm.blocks.hook_points[config.site]
    if isinstance(hook_points, str):
        found += (f"it has no site {config.site}: {hook_points}",)
    return found


def identity_differences(sealed: Mapping[str, str], found: Mapping[str, str]) -> tuple[str, ...]:
    """Name the parts of an identity that must agree and do not; digests are shortened."""
    same_library = sealed.get("transformers") == found.get("transformers")
    return tuple(
        f"{name} is {_short(found.get(name))}, not {_short(sealed.get(name))}"
        for name in (*MUST_AGREE, *((_SAME_LIBRARY,) if same_library else ()))
        if found.get(name) != sealed.get(name)
    )


def require_match(config: DetectorConfig, lm: LanguageModel, *, allow_different: bool = False) -> tuple[str, ...]:
    """Refuse a model that is not the sealed one, unless told to go on.

    Returns:
        The differences that were allowed.

    Raises:
        ModelError: it differs, and `allow_different` is off; or it cannot be read at all: another number of layers
            than a cell needs, another width, no such site.
    """
    found = differences(config, lm)
    unreadable = bool(found) and _width(config, lm) != config.model.width
    if found and (unreadable or not allow_different):
        advice = "it cannot be used" if unreadable else "load the model it was made for, or allow a different one"
        raise ModelError(
            f"{lm.name} is not the model this detector was made for "
            f"({config.model.identity.get('name')}): {'; '.join(found)}; {advice}"
        )
    return found


def _width(config: DetectorConfig, lm: LanguageModel) -> int | None:
    """Return the width of the states at the detector's cells, by reading one token; `None` where there are none."""
    layers = tuple(sorted({cell.layer for head in config.heads for cell in head.cells}))
    if lm.n_layers <= layers[-1] or isinstance(lm.blocks.hook_points[config.site], str):
        return None
    return int(record_answer_states(lm, [((0,), ())], StateSpec(config.site, layers))[0].shape[-1])


def model_load_settings(
    config: DetectorConfig, device: str = "auto", *, trust_remote_code: bool = False
) -> LoadSettings:
    """Return how to load the model as the run did.

    That code which comes with a model may run is never sealed: it is asked for anew.
    """
    identity = config.model.identity
    revision = identity.get("revision")
    return LoadSettings(
        revision=revision or None,
        device=device,
        dtype=identity.get("dtype", "auto"),
        quantization=config.model.quantization,
        adapter=config.model.adapter,
        trust_remote_code=trust_remote_code,
        prompt_format="chat" if identity.get("prompt_format") == "chat" else "plain",
        date=config.model.date,
        thinking=config.model.thinking,
        blocks=config.model.blocks,
    )


def _short(value: str | None) -> str:
    if value is None:
        return "unknown"
    return f"{value[:12]}…" if len(value) == 64 else value
