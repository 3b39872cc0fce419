"use strict";

// Everything that comes from a model is put on the page by textContent: it is text, whatever it contains.

const at = (id) => document.getElementById(id);
const SIGNS = { trust: "✓", "don't trust": "✗", "no exact answer found": "?" };

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
    `Guarantee: ${detector.guarantee}.`;
}

function level(pWrong) {
  return 1 + Math.min(4, Math.floor(pWrong * 5));
}

function piece(text, pWrong) {
  const span = document.createElement("span");
  span.className = `token wrong-${level(pWrong)}`;
  span.title = `P(wrong) read here: ${pWrong.toFixed(2)}`;
  span.textContent = text;
  return span;
}

// Tokens that share a character are cut so that every character is shown once.
function pieces(verdict) {
  let done = 0;
  const cut = [];
  for (const token of verdict.tokens) {
    const text = Array.from(verdict.answer).slice(Math.max(done, token.start), token.end).join("");
    if (text) cut.push({ text, start: Math.max(done, token.start), end: token.end, pWrong: token.p_wrong });
    done = Math.max(done, token.end);
  }
  return cut;
}

function showWhole(verdict) {
  const answer = at("answer");
  answer.replaceChildren();
  let exact = null;
  const [from, to] = [verdict.exact_answer_start, verdict.exact_answer_end];
  for (const { text, start, end, pWrong } of pieces(verdict)) {
    const characters = Array.from(text);
    const cuts = [start, end, from, to].filter((c) => c !== null && c >= start && c <= end);
    const places = [...new Set(cuts)].sort((a, b) => a - b);
    for (let n = 0; n + 1 < places.length; n++) {
      const part = piece(characters.slice(places[n] - start, places[n + 1] - start).join(""), pWrong);
      const inside = from !== null && places[n] >= from && places[n + 1] <= to;
      if (inside && exact === null) {
        exact = document.createElement("mark");
        exact.className = "exact";
        exact.setAttribute("aria-label", `exact answer: ${verdict.exact_answer}`);
        answer.append(exact);
      }
      (inside ? exact : answer).append(part);
    }
  }
  const rows = verdict.tokens.map((token) => {
    const row = document.createElement("tr");
    for (const text of [JSON.stringify(token.text), token.p_wrong.toFixed(2)]) {
      const cell = document.createElement("td");
      cell.textContent = text;
      row.append(cell);
    }
    return row;
  });
  document.querySelector("#scores tbody").replaceChildren(...rows);
  showVerdict(verdict);
}

function showVerdict(verdict) {
  const located = verdict.p_wrong !== null && verdict.trust !== "no exact answer found";
  const probability = located ? `, P(wrong) = ${verdict.p_wrong.toFixed(2)}` : "";
  at("verdict").textContent = `${SIGNS[verdict.trust]} ${verdict.trust}${probability}`;
  at("explanation").textContent = verdict.explanation.charAt(0).toUpperCase() + verdict.explanation.slice(1) + ".";
  const outOfDistribution = verdict.out_of_distribution || verdict.question_out_of_distribution;
  at("ood").hidden = !outOfDistribution;
  at("ood").textContent = outOfDistribution
    ? "Out of distribution: unlike anything the detector was trained on, so that the probability may not hold here."
    : "";
  at("similar").hidden = !verdict.similar_answers || verdict.similar_answers.length === 0;
  if (!at("similar").hidden) {
    at("similar-summary").textContent =
      `Of the ${verdict.similar} most similar training answers ${verdict.similar_right} were right`;
    const items = verdict.similar_answers.map((record) => {
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
  at("ood").hidden = true;
  at("verdict").textContent = "…";
  at("explanation").textContent = "";
  for await (const event of events(reply.body)) {
    if (event.error) throw new Error(event.error.message);
    const scored = event.truthmap;
    if (!scored) continue;
    if (scored.tokens) showWhole(scored);
    else {
      if (scored.text) at("answer").append(piece(scored.text, scored.p_wrong));
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
