"""How large the measurements are: for a GPU, and about a hundredth of it to run every line on a CPU."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LlamaShape:
    """The shape of a Llama with random weights.

    Attributes:
        layers: Blocks (L).
        width: Of the residual stream (d).
        mlp: Width inside the MLP.
        heads: Attention heads, each with keys and values of its own.
        vocabulary: Tokens.
        spread: Standard deviation of the weights. Wide ones make a wrong position or a padding token that is seen move
            a state far more than rounding does.
    """

    layers: int
    width: int
    mlp: int
    heads: int
    vocabulary: int
    spread: float = 0.02


@dataclass(frozen=True)
class Prompts:
    """Random prompts that share their beginning, as questions in one template do.

    Attributes:
        count: How many.
        shared: Tokens that all begin with.
        shortest, longest: Tokens in a prompt, the shared ones included.
        new_tokens: Tokens generated for each; no answer ends before.
    """

    count: int
    shared: int
    shortest: int
    longest: int
    new_tokens: int


@dataclass(frozen=True)
class GridSize:
    """A grid with made-up states, 15 positions to a layer.

    Attributes:
        n: Answers; five folds.
        d: Width of a state.
        layers: Layers timed on the device; the first is fitted on the CPU too, for comparison.
        permutations: Label shuffles of the null, timed on one layer.
    """

    n: int
    d: int
    layers: int
    permutations: int


@dataclass(frozen=True)
class Size:
    """How large everything is.

    Attributes:
        matrix: Rows and columns of the square matrices whose product gives the card's peak.
        copied: Bytes of the buffer whose copy gives the speed of the card's memory.
        times: Repetitions; the median counts.
        model: The large model.
        prompts: What it answers.
        small: The model that the laws are tried on.
        crowded: The model that runs out of memory.
        crowd: What that one is asked at once; a quarter of it is made to fit.
        grid: The grid.
        questions: Questions of `cities` that smollm2 is asked.
    """

    matrix: int
    copied: int
    times: int
    model: LlamaShape
    prompts: Prompts
    small: LlamaShape
    crowded: LlamaShape
    crowd: Prompts
    grid: GridSize
    questions: int


_SMALL_MODEL = LlamaShape(layers=4, width=128, mlp=256, heads=4, vocabulary=64, spread=0.2)

FULL = Size(
    matrix=8192,
    copied=2**31,
    times=3,
    model=LlamaShape(layers=32, width=4096, mlp=11008, heads=32, vocabulary=32000),
    prompts=Prompts(count=64, shared=32, shortest=64, longest=128, new_tokens=64),
    small=_SMALL_MODEL,
    crowded=LlamaShape(layers=8, width=512, mlp=1024, heads=8, vocabulary=64, spread=0.2),
    crowd=Prompts(count=256, shared=0, shortest=192, longest=256, new_tokens=8),
    grid=GridSize(n=1000, d=4096, layers=4, permutations=100),
    questions=150,
)

SMALL = Size(
    matrix=512,
    copied=2**24,
    times=1,
    model=LlamaShape(layers=4, width=256, mlp=688, heads=4, vocabulary=2000),
    prompts=Prompts(count=16, shared=8, shortest=12, longest=24, new_tokens=8),
    small=_SMALL_MODEL,
    crowded=LlamaShape(layers=2, width=256, mlp=512, heads=4, vocabulary=64, spread=0.2),
    crowd=Prompts(count=128, shared=0, shortest=96, longest=128, new_tokens=4),
    grid=GridSize(n=600, d=384, layers=1, permutations=5),
    questions=60,
)
