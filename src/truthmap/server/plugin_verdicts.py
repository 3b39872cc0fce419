"""Verdicts on what a vLLM that is already there answers: its heads are read in its workers, as for our own server."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool

from truthmap.answers.engines.vllm_heads import READ
from truthmap.answers.engines.vllm_memory import HeadMemory, LayerTap, width_of
from truthmap.answers.prompt import GenerateSettings
from truthmap.answers.to_answer import ends_answer
from truthmap.arrays import AnyArray
from truthmap.detector.detector import Detector
from truthmap.detector.reading import state_spec
from truthmap.detector.streaming import DecodedToken
from truthmap.detector.verdict import token_rows, verdict_row
from truthmap.errors import ModelError, TruthmapError
from truthmap.server.on_vllm import VllmServing, most_tokens, taps_of
from truthmap.server.parse_request import question_of
from truthmap.server.requests import ChatRequest

_HARMLESS = frozenset(
    (
        *("model", "messages", "max_tokens", "max_completion_tokens", "temperature", "top_p", "seed", "stop", "stream"),
        *("stream_options", "user", "metadata", "store", "logprobs", "top_logprobs", "return_token_ids", "request_id"),
        *("priority", "truthmap"),
    )
)
"""Fields of a request that leave the answer what it is, or that a verdict takes into account."""
_TOKENS = 1 << 17
"""Of how many tokens at most there is room for what is read of them."""
_LONGEST = 2048
"""Longest answer, in tokens, that gets a verdict."""


@dataclass(frozen=True)
class Watched:
    """A request whose answer gets a verdict.

    Attributes:
        chat: What was asked.
        slot: First of the slots that its tokens are read into.
        n_slots: How many.
        temperature: What it is answered with.
    """

    chat: ChatRequest
    slot: int
    n_slots: int
    temperature: float


@dataclass(frozen=True)
class _Told:
    """An answer as vLLM told it; `cut`: a stop text has ended it."""

    prompt_ids: tuple[int, ...]
    ids: tuple[int, ...]
    cut: bool


class PluginVerdicts:
    """Gives verdicts on a vLLM's answers.

    Args:
        serving: The detector, its model as far as tokens go, and what its states should be.
        client: vLLM's engine.
    """

    def __init__(self, serving: VllmServing, client: Any) -> None:
        self._serving, self._client = serving, client
        self.detector: Detector = serving.detector
        self._defaults: Mapping[str, Any] = client.model_config.get_diff_sampling_param()
        self._numbers = 0

    async def start(self) -> None:
        """Let the workers install their hooks, and see that the states are the model's own.

        Raises:
            ModelError: they are not.
        """
        spec, ids = state_spec(self.detector.artifact), self._serving.probe.ids
        dtype = str(self._client.model_config.dtype).removeprefix("torch.")
        if dtype != self._serving.launch.dtype:
            raise ModelError(f"vLLM computes in {dtype}, the detector was sealed in {self._serving.launch.dtype}")
        self._layers = spec.layers
        self._installed = await self._call("truthmap_install", str(spec.site), list(spec.layers))
        width_of(self._installed)
        await self._use(None, len(ids))
        await self._read(ids, (0, len(ids), 0), fresh=True)
        states = self._memory.values(0, len(ids))
        if states is None:
            raise ModelError(
                "hooks in vLLM see nothing: start it with --enforce-eager and with VLLM_USE_V2_MODEL_RUNNER=0"
            )
        self._serving.require_same(states)
        artifact = self.detector.artifact
        await self._use(taps_of(artifact), max(_LONGEST + 1, min(_TOKENS, most_tokens(artifact))))

    async def watch(self, body: dict[str, Any]) -> Watched | str:
        """Let vLLM read the heads of the answer to a request, whose body is changed; or say why it gets no verdict."""
        reason = self._unlike(body)
        if reason is not None:
            return reason
        try:
            chat = ChatRequest.model_validate(body)
        except ValidationError:
            return "its messages are not texts"
        if chat.messages[-1].role != "user" or not chat.messages[-1].text.strip():
            return "its last message is no question of the user's"
        n_slots = 1 + min(chat.max_completion_tokens or chat.max_tokens or _LONGEST, _LONGEST)
        while (slot := self._memory.slots.take(n_slots)) is None:
            await asyncio.sleep(0.01)
        body.pop("truthmap", None)
        body["return_token_ids"] = True
        body["vllm_xargs"] = {READ: [slot, n_slots, -1]}
        temperature = self._defaults.get("temperature", 1.0) if chat.temperature is None else chat.temperature
        return Watched(chat, slot, n_slots, float(temperature))

    async def verdict(self, watched: Watched, prompt_ids: Sequence[int], ids: Sequence[int], *, cut: bool) -> Any:
        """Return the verdict on an answer as a row, or why there is none.

        Args:
            watched: What was asked.
            prompt_ids: The prompt as vLLM put it.
            ids: The answer's tokens.
            cut: A stop text has ended it.
        """
        n = 1 + len(ids)
        if not ids or n > watched.n_slots:
            return no_verdict("the answer is empty" if not ids else f"the answer is longer than {_LONGEST} tokens")
        everything = [*prompt_ids, *ids]
        for fresh in (False, True):  # what came from the cache was read for somebody else
            await self._read(everything, (watched.slot, n, len(prompt_ids) - 1), fresh=fresh)
            states = self._memory.values(watched.slot, n)
            if states is not None:
                return await run_in_threadpool(self._row, watched, _Told(tuple(prompt_ids), tuple(ids), cut), states)
        return no_verdict("vLLM did not read all of its tokens")

    def release(self, watched: Watched) -> None:
        """Give a request's slots back."""
        self._memory.release(watched.slot, watched.n_slots)

    def _row(self, watched: Watched, told: _Told, states: AnyArray) -> Any:
        detector, lm, ids = self.detector, self.detector.lm, told.ids
        try:
            question = question_of(watched.chat, detector)
        except TruthmapError as error:
            return no_verdict(str(error))
        closed = ends_answer(lm, ids[:-1], ids[-1])
        # An answer that the model did not close has ended at its limit.
        limit = max(detector.config.asking.max_new_tokens, len(ids)) if closed else len(ids)
        settings = GenerateSettings(max_new_tokens=limit, temperature=watched.temperature)
        scorer = detector.stream_scorer(question, settings, told.prompt_ids)
        scorer.feed(DecodedToken(0, None, 0.0, states[0], last=False, closed=False))
        for place, token in enumerate(ids):
            last = place == len(ids) - 1
            scorer.feed(DecodedToken(0, token, math.nan, states[place + 1], last and not told.cut, last and closed))
        verdict = scorer.verdict_on_cut(len(ids)) if told.cut else scorer.verdict(detector.graders)
        return {**verdict_row(verdict), "tokens": token_rows(verdict)}

    def _unlike(self, body: Mapping[str, Any]) -> str | None:
        """Return what makes an answer another one than the detector was measured on."""
        harmless: tuple[object, ...] = (None, [], {}, False)
        fields = [name for name, value in body.items() if name not in _HARMLESS and value not in harmless]
        fields = [name for name in fields if (name, body[name]) != ("n", 1)]
        defaults = [name for name in self._defaults if name not in ("temperature", "top_k", "top_p", "max_tokens")]
        if fields:
            return f"the request sets {', '.join(sorted(fields))[:200]}"
        if defaults:
            return f"vLLM's own defaults set {', '.join(defaults)} (--generation-config vllm leaves them out)"
        return None

    async def _use(self, taps: Sequence[LayerTap] | None, n_slots: int) -> None:
        self._memory = HeadMemory(self._layers, self._installed, taps, n_slots)
        with self._memory.opened() as calls:
            for method, args in calls:
                await self._call(method, *args)

    async def _call(self, method: str, *args: object) -> Any:
        return (await self._client.collective_rpc(method, args=args))[0]

    async def _read(self, ids: Sequence[int], read: tuple[int, int, int], *, fresh: bool) -> None:
        """Let vLLM read tokens, without an answer to them."""
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind

        self._numbers += 1
        params = SamplingParams(
            max_tokens=1,
            temperature=0,
            ignore_eos=True,
            detokenize=False,
            output_kind=RequestOutputKind.DELTA,
            extra_args={READ: list(read)},
            skip_reading_prefix_cache=fresh,
        )
        async for _ in self._client.generate({"prompt_token_ids": list(ids)}, params, f"truthmap-{self._numbers}"):
            pass


def no_verdict(why: str) -> dict[str, Any]:
    """Return what stands in the place of a verdict."""
    return {"trusted": None, "p_wrong": None, "explanation": f"nothing is claimed about this: {why}"}
