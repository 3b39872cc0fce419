"""Spans that you marked: answers of any origin, judged by hand, with the piece that carries each.

Four columns and nothing is generated, graded or located: the model reads each answer once, and the columns of the map
stand where your spans are. Here the table is written from the first map's answers, so that the script runs anywhere.
"""

from truthmap import Bars, Study, run_study

cities = run_study(Study(model="smollm2", questions="cities", limit=150, permutations=20, out="runs/cities"))
table = cities.answers()
marked = table[table["outcome"] != "unscored"][["question", "answer", "outcome", "exact_answer"]]
marked.rename(columns={"answer": "response"}).to_csv("marked.csv", index=False)
print(marked.head(3).to_string(index=False))

run = run_study(Study(model="smollm2", questions="marked.csv", permutations=20, out="runs/marked"), progress=Bars())
print(run.summary)
run.plot().figure.savefig("own_spans.png", dpi=70)
