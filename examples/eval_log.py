"""A log of lm-evaluation-harness: its answers and its scores, and nothing is generated again.

The log is written here, from the answers of the first map, in the form that `--log_samples` gives it, so that the
script runs anywhere. With a log of your own, leave that part out. `truthmap import LOG` shows what became what.
"""

import json
from pathlib import Path

from truthmap import Bars, Study, load_model, load_questions, run_study

cities = run_study(Study(model="smollm2", questions="cities", limit=150, permutations=20, out="runs/cities"))
task, lm = load_questions("cities").task, load_model("smollm2")
asked = {question.id: question for question in load_questions("cities").questions}
with Path("samples_cities.jsonl").open("w") as file:
    for number, row in cities.answers().iterrows():
        question = asked[row["question_id"]]
        sample = {
            "doc_id": number,
            "doc": {"question": row["question"], "answer": row["accepted"][0]},
            "target": row["accepted"][0],
            "arguments": {"gen_args_0": {"arg_0": lm.tokenizer.decode(lm.question_ids(question, task)), "arg_1": {}}},
            "resps": [[row["answer"]]],
            "filtered_resps": [row["answer"]],
            "filter": "none",
            "exact_match": float(row["outcome"] == "right"),
        }
        file.write(json.dumps(sample) + "\n")

run = run_study(
    Study(model="smollm2", questions="samples_cities.jsonl", permutations=20, out="runs/log"), progress=Bars()
)
print(run.summary)
print("right in the log and in the run:", int(cities.summary.right), run.summary.right)
run.plot().figure.savefig("eval_log.png", dpi=70)
