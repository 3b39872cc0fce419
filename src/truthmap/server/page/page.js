"use strict";

// Everything that comes from a model is put on the page by textContent: it is text, whatever it contains.

const at = (id) => document.getElementById(id);

function headers() {
  const key = at("key").value;
  return { "Content-Type": "application/json", ...(key ? { Authorization: `Bearer ${key}` } : {}) };
}

let model = "";

async function about() {
  const reply = await fetch("/v1/detector", { headers: headers() });
  if (reply.status === 401) {
    at("key-row").hidden = false;
    throw new Error("This server needs an API key.");
  }
  const detector = await reply.json();
  if (!reply.ok) throw new Error(detector.error.message);
  model = detector.model;
  at("about").textContent =
    `${detector.model}, detector made from “${detector.questions}”: AUC ${detector.test_auc.value.toFixed(3)} on test. ` +
    `Guarantee: ${detector.guarantee}. It is about ${detector.about}.`;
}

// How wrong the answer reads, in five steps, the first for trusted ones; for the exact answer alone, since only there
// it was measured.
function level(verdict) {
  return Math.max(verdict.trusted ? 1 : 2, 1 + Math.min(4, Math.floor(verdict.p_wrong * 5)));
}

function sign(verdict) {
  if (verdict.trusted === null) return "?";
  if (!verdict.trusted) return "✗";
  return verdict.guarantee ? "✓" : "~";
}

// The part of the answer that is its thought, made where there is none yet.
function thoughtIn(answer) {
  let thought = answer.querySelector(".thought");
  if (!thought) {
    thought = document.createElement("span");
    thought.className = "thought";
    answer.append(thought);
  }
  return thought;
}

// The answer as text, its exact answer outlined, and shaded where a probability is claimed.
function showAnswer(verdict) {
  const thinks = verdict.thought !== null;
  const before = thinks ? verdict.answer.slice(0, verdict.answer.lastIndexOf(verdict.final)) : "";
  const start = Array.from(before).length;
  const characters = Array.from(thinks ? verdict.final : verdict.answer);
  const answer = at("answer");
  answer.replaceChildren();
  if (thinks) thoughtIn(answer).append(verdict.thought);
  if (verdict.exact_answer_start === null) {
    answer.append(characters.join(""));
    return;
  }
  const [from, to] = [verdict.exact_answer_start - start, verdict.exact_answer_end - start];
  const exact = document.createElement("mark");
  exact.textContent = characters.slice(from, to).join("");
  const claimed = verdict.p_wrong !== null;
  exact.className = claimed ? `exact wrong-${level(verdict)}` : "exact";
  const read = claimed ? `P(wrong) = ${verdict.p_wrong.toFixed(2)}` : "nothing is claimed";
  exact.title = `exact answer: ${read}`;
  exact.setAttribute("aria-label", `exact answer: ${exact.textContent}; ${read}`);
  answer.append(characters.slice(0, from).join(""), exact, characters.slice(to).join(""));
}

function showScores(tokens) {
  const rows = tokens.map((token) => {
    const row = document.createElement("tr");
    for (const text of [JSON.stringify(token.text), token.score.toFixed(2)]) {
      const cell = document.createElement("td");
      cell.textContent = text;
      row.append(cell);
    }
    return row;
  });
  document.querySelector("#scores tbody").replaceChildren(...rows);
}

function showVerdict(verdict) {
  showAnswer(verdict);
  const probability = verdict.p_wrong === null ? "" : `, P(wrong) = ${verdict.p_wrong.toFixed(2)}`;
  at("verdict").textContent = `${sign(verdict)} ${verdict.headline}${probability}`;
  at("explanation").textContent = verdict.explanation.charAt(0).toUpperCase() + verdict.explanation.slice(1) + ".";
  at("similar").hidden = verdict.similar.length === 0;
  if (!at("similar").hidden) {
    at("similar-summary").textContent =
      verdict.trusted === null
        ? "The most similar training answers"
        : `Of the ${verdict.similar.length} most similar training answers ${verdict.similar_right} were right`;
    const items = verdict.similar.map((record) => {
      const item = document.createElement("li");
      item.textContent = `${record.question} – ${record.exact_answer || "(none)"} (${record.right ? "right" : "wrong"})`;
      return item;
    });
    at("similar-list").replaceChildren(...items);
  }
}

async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let kept = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    kept += value;
    const parts = kept.split("\n\n");
    kept = parts.pop();
    for (const part of parts) {
      const data = part.replace(/^data: /, "");
      if (data !== "[DONE]") yield JSON.parse(data);
    }
  }
}

async function ask() {
  const question = at("question").value;
  const reply = await fetch("/v1/chat/completions", {
    method: "POST",
    headers: headers(),
    body: JSON.stringify({ model, messages: [{ role: "user", content: question }], stream: true }),
  });
  if (!reply.ok) throw new Error((await reply.json()).error.message);
  at("result").hidden = false;
  at("answer").replaceChildren();
  at("similar").hidden = true;
  showScores([]);
  at("verdict").textContent = "…";
  at("explanation").textContent = "";
  for await (const event of events(reply.body)) {
    if (event.error) throw new Error(event.error.message);
    const scored = event.truthmap;
    if (!scored) continue;
    if (scored.tokens) {
      showVerdict(scored);
      showScores(scored.tokens);
    } else {
      if (scored.thought) thoughtIn(at("answer")).append(scored.thought);
      if (scored.text) at("answer").append(scored.text);
      if (scored.verdict) showVerdict(scored.verdict);
    }
  }
}

async function submit(event) {
  event.preventDefault();
  at("fault").textContent = "";
  at("send").disabled = true;
  try {
    if (!model) await about();
    await ask();
  } catch (fault) {
    at("fault").textContent = fault.message;
  } finally {
    at("send").disabled = false;
  }
}

at("form").addEventListener("submit", submit);
at("question").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey) {
    event.preventDefault();
    at("form").requestSubmit();
  }
});
about().catch((fault) => (at("fault").textContent = fault.message));
