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
  const said = await reply.json();
  if (!reply.ok) throw new Error(said.error.message);
  model = said.model;
  at("about").textContent =
    `${said.model}, detector made from “${said.questions}”: AUC ${said.test_auc.auc.toFixed(3)} on test. ` +
    `The rule: ${said.promise}.`;
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
function pieces(word) {
  let done = 0;
  const made = [];
  for (const token of word.tokens) {
    const text = Array.from(word.answer).slice(Math.max(done, token.start), token.end).join("");
    if (text) made.push({ text, start: Math.max(done, token.start), end: token.end, pWrong: token.p_wrong });
    done = Math.max(done, token.end);
  }
  return made;
}

function showWhole(word) {
  const answer = at("answer");
  answer.replaceChildren();
  let exact = null;
  const [from, to] = [word.exact_answer_start, word.exact_answer_end];
  for (const { text, start, end, pWrong } of pieces(word)) {
    const characters = Array.from(text);
    const cuts = [start, end, from, to].filter((c) => c !== null && c >= start && c <= end);
    const places = [...new Set(cuts)].sort((a, b) => a - b);
    for (let n = 0; n + 1 < places.length; n++) {
      const part = piece(characters.slice(places[n] - start, places[n + 1] - start).join(""), pWrong);
      const inside = from !== null && places[n] >= from && places[n + 1] <= to;
      if (inside && exact === null) {
        exact = document.createElement("mark");
        exact.className = "exact";
        exact.setAttribute("aria-label", `exact answer: ${word.exact_answer}`);
        answer.append(exact);
      }
      (inside ? exact : answer).append(part);
    }
  }
  const rows = word.tokens.map((token) => {
    const row = document.createElement("tr");
    for (const text of [JSON.stringify(token.text), token.p_wrong.toFixed(2)]) {
      const cell = document.createElement("td");
      cell.textContent = text;
      row.append(cell);
    }
    return row;
  });
  document.querySelector("#scores tbody").replaceChildren(...rows);
  showVerdict(word);
}

function showVerdict(word) {
  const chance = word.p_wrong === null || word.trust === "no exact answer found" ? "" : `, P(wrong) = ${word.p_wrong.toFixed(2)}`;
  at("verdict").textContent = `${SIGNS[word.trust]} ${word.trust}${chance}`;
  at("meaning").textContent = word.meaning.charAt(0).toUpperCase() + word.meaning.slice(1) + ".";
  const far = word.far || word.question_far;
  at("drift").hidden = !far;
  at("drift").textContent = far
    ? "This is unlike anything the detector was trained on: the probability may not hold here."
    : "";
  at("similar").hidden = !word.similar_answers || word.similar_answers.length === 0;
  if (!at("similar").hidden) {
    at("similar-summary").textContent =
      `Of the ${word.similar} most similar training answers ${word.similar_right} were right`;
    const items = word.similar_answers.map((record) => {
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
  at("drift").hidden = true;
  at("verdict").textContent = "…";
  at("meaning").textContent = "";
  for await (const event of events(reply.body)) {
    if (event.error) throw new Error(event.error.message);
    const said = event.truthmap;
    if (!said) continue;
    if (said.tokens) showWhole(said);
    else {
      if (said.text) at("answer").append(piece(said.text, said.p_wrong));
      if (said.verdict) showVerdict(said.verdict);
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
