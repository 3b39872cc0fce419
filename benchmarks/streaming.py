"""What scoring costs while an answer is generated.

The same questions are answered token by token, with the detector and without: with it, the states of the layers it
reads are kept, every token is scored, the exact answer is located and scored.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

import numpy as np

from benchmarks._demo import demo_detector
from truthmap.answers.prompt import GenerateSettings, Prompt
from truthmap.detector.detector import Detector
from truthmap.detector.reading import state_spec
from truthmap.detector.streaming import GenerationRequest, StateSpec, stream_decode
from truthmap.questions.loading import QuestionSettings, load_questions
from truthmap.records import Question

_QUESTIONS = 8
_ROUNDS = 2


def run() -> str:
    """Time both ways in turn, question by question; and the scoring by itself, on tokens decoded before."""
    detector = demo_detector()
    questions = load_questions("cities", QuestionSettings(limit=_QUESTIONS, seed=3)).questions
    _seconds(detector.stream(questions[0].text))  # the first pass is slower for both
    plain, streamed, n_tokens = [], [], 0
    for _ in range(_ROUNDS):
        for question in questions:
            plain.append(
                _seconds(
                    stream_decode(detector.lm, [_request(detector, question)], StateSpec(detector.config.site, ()))
                )
            )
            streamed.append(_seconds(detector.stream(question.text)))
    scoring = 0.0
    for question in questions:
        scorer = detector.stream_scorer(detector.question(question.text))
        decoded = list(stream_decode(detector.lm, [scorer.request], state_spec(detector.artifact)))
        n_tokens += len(decoded) - 1
        scoring += _seconds(scorer.feed(token) for token in decoded)
    a_token = np.sum(plain) / (n_tokens * _ROUNDS)
    share = scoring / (n_tokens * a_token)
    ratio = np.median(np.array(streamed) / np.array(plain))
    return (
        f"{detector.lm.name}, {len(questions)} questions, one at a time, greedy, {n_tokens} tokens: "
        f"{1000 * a_token:.1f} ms a token without the detector. Locating the exact answer and scoring take "
        f"{1000 * scoring / n_tokens:.2f} ms a token: **{share:.2%}** of that. Whole answers with the detector take "
        f"{ratio:.3f} times as long (median over {len(plain)} pairs, timed in turn)."
    )


def _request(detector: Detector, question: Question) -> GenerationRequest:
    settings = GenerateSettings(max_new_tokens=detector.config.asking.max_new_tokens)
    return GenerationRequest(Prompt(question.id, detector.prompt_ids(detector.question(question.text))), settings)


def _seconds(events: Iterable[object]) -> float:
    """Return how long it takes until nothing more comes."""
    started = time.perf_counter()
    for _ in events:
        pass
    return time.perf_counter() - started
