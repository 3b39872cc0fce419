"""Several claims in one answer: each is right or wrong by itself, and each is a row of the map.

A file of judged answers has a column `claims`: pieces of the answer with their outcomes. The model reads each answer
once. Here the answers are written from known facts, a country swapped in every other one, so that the truth of each
claim is known: where does the model's state tell a true statement that it reads from a false one?
"""

import json
from pathlib import Path

import numpy as np

from truthmap import Bars, Study, load_questions, run_study

dice = np.random.default_rng(0)
asked = load_questions("cities").questions  # In which country is the city of Lima?
cities = [(q.text.partition("city of ")[2].rstrip("?").split(",")[0], q.accepted[0]) for q in asked]
dice.shuffle(cities)

rows = []
for n in range(0, 360, 3):
    answer, claims = "", []
    for city, country in cities[n : n + 3]:
        said = country if dice.random() < 0.5 else dice.choice([c for _, c in cities if c != country])
        answer += f"{city} is a city in "
        claims.append({"start": len(answer), "text": said, "outcome": "right" if said == country else "wrong"})
        answer += f"{said}. "
    names = ", ".join(city for city, _ in cities[n : n + 3])
    rows.append({"question": f"In which countries are {names}?", "response": answer.strip(), "claims": claims})
Path("claims.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
print(json.dumps(rows[0], indent=2))

run = run_study(Study(model="smollm2", questions="claims.jsonl", permutations=20, out="runs/claims"), progress=Bars())
print(run.summary)
run.plot().figure.savefig("claims.png", dpi=70)

table = run.answers()
print(table[["question_id", "claim", "exact_answer", "outcome", "score"]].head(9).to_string(index=False))
