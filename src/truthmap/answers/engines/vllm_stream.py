"""vLLM as it serves: requests join and leave while it computes; what is read of each token lies in shared memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from truthmap.answers.engines.vllm_launch import VllmLaunch
from truthmap.answers.engines.vllm_memory import HeadMemory, LayerTap, width_of
from truthmap.answers.engines.vllm_process import VllmProcess
from truthmap.arrays import AnyArray
from truthmap.errors import ModelError
from truthmap.lm.model import LanguageModel

HEAD_READER = "truthmap.answers.engines.vllm_heads.HeadReader"


@dataclass(frozen=True)
class StreamedRequest:
    """A request to vLLM.

    Attributes:
        number: Its own; no other has it.
        ids: What is read before the first token is chosen.
        read: First slot, how many tokens at most are read into slots, and the position of the first of them.
        most: How many tokens are chosen at most; 0: `ids` are only read.
        fresh: Take nothing from the prefix cache: what lies there was read for somebody else.
        temperature, top_p, seed: How tokens are drawn.
    """

    number: int
    ids: tuple[int, ...]
    read: tuple[int, int, int]
    most: int
    fresh: bool = False
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0


@dataclass(frozen=True)
class StreamNews:
    """What has become of a request.

    Attributes:
        number: Which one.
        tokens: What was chosen; all tokens before the last one of these have been read.
        over: Nothing more comes of it: all its tokens have been read.
        fault: Why vLLM does not take it.
    """

    number: int
    tokens: tuple[int, ...]
    over: bool
    fault: str | None = None


class VllmStream:
    """vLLM in a process of its own, which answers requests as they come and ends with `close`.

    Args:
        lm: The model as far as tokens go; it needs no weights.
        launch: How to start vLLM; of its sites the first is read.
        layers: Which layers are read.
        start: Starts vLLM's process.

    Raises:
        ModelError: vLLM cannot be started with this model, or does not give its states.

    Attributes:
        width: Numbers (d) in a state.
        memory: What is read of tokens; there once it is said what (`use`).
    """

    def __init__(
        self,
        lm: LanguageModel,
        launch: VllmLaunch,
        layers: Sequence[int],
        start: Callable[[Mapping[str, Any]], VllmProcess] = VllmProcess,
    ) -> None:
        self.layers = tuple(layers)
        asked = {**asdict(launch), "longest": launch.longest + 1, "sites": ()}  # one more is chosen, and thrown away
        stop_ids = sorted(lm.stop_ids | lm.line_ids)
        self._process = start({**asked, "stop_ids": stop_ids, "extension": HEAD_READER})
        self._installed = self._call("truthmap_install", str(launch.sites[0]), self.layers)
        try:
            self.width = width_of(self._installed)
        except ModelError:
            self.close()
            raise

    def read_states(self, ids: Sequence[int]) -> AnyArray:
        """Return the states of a few tokens: float32 (tokens, layers, d).

        Raises:
            ModelError: vLLM has ended, or does not give them.
        """
        self.use(None, len(ids))
        asked = {"sequences": [list(ids)], "kept": [[0, len(ids), 0]], "fresh": [True], "scored": [None]}
        self._process.ask("read", asked)
        found = self.memory.values(0, len(ids))
        if found is None:
            raise ModelError("vLLM does not give the hidden states of all tokens that it was asked for")
        return found

    def use(self, taps: Sequence[LayerTap] | None, n_slots: int) -> None:
        """Let this be kept of each token, before it serves: see `HeadMemory`."""
        self.memory = HeadMemory(self.layers, self._installed, taps, n_slots)
        with self.memory.opened() as calls:
            for method, args in calls:
                self._call(method, *args)

    def begin(self) -> None:
        """Begin to serve: from now on it takes requests."""
        self._process.begin("serve", {})

    def send(self, requests: Sequence[StreamedRequest] = (), abort: Sequence[int] = ()) -> None:
        """Send requests, and end others.

        Raises:
            ModelError: vLLM has ended.
        """
        if requests or abort:
            self._process.send({"abort": list(abort), "add": [asdict(request) for request in requests]})

    def news(self) -> list[StreamNews]:
        """Wait for news of requests; each ends with one that says that it is over.

        Raises:
            ModelError: vLLM has ended.
        """
        found = self._process.receive().get("news")
        if found is None:
            raise ModelError("vLLM serves no more")
        return [StreamNews(int(n), tuple(tokens), bool(over), *fault) for n, tokens, over, *fault in found]

    def close(self) -> None:
        """End vLLM's process, and with it all that it holds."""
        self._process.close()

    def _call(self, method: str, *args: object) -> dict[str, Any]:
        found: dict[str, Any] = self._process.ask("call", {"method": method, "args": args}) or {}
        return found
