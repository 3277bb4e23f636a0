// The page: submit, watch the stages, read the result with its evidence. Plain functions over the public API.
"use strict";

const API = "/api/v1";
const OPEN = ["queued", "running"];
const at = (id) => document.getElementById(id);
const state = { job: null, socket: null, seq: null, text: "", partial: "", points: [], result: null, recording: null };

// --- the key: from the address's fragment (never sent to the server) or from the person; kept in this tab only ---

function takeKeyFromAddress() {
  const given = new URLSearchParams(location.hash.slice(1)).get("key");
  if (given) sessionStorage.setItem("key", given);
  if (given) history.replaceState(null, "", location.pathname);
}

const key = () => sessionStorage.getItem("key") ?? "";

function askForKey() {
  at("key").value = key();
  if (!at("key-dialog").open) at("key-dialog").showModal();
}

async function call(path, options = {}) {
  const answer = await fetch(API + path, { ...options, headers: { ...options.headers, Authorization: `Bearer ${key()}` } });
  if (answer.status === 401) askForKey();
  if (answer.ok) return answer;
  const problem = await answer.json().catch(() => ({}));
  throw new Error(problem.detail ?? problem.title ?? `The server answered ${answer.status}.`);
}

// --- submitting ---

async function submit(event) {
  event.preventDefault();
  at("message").textContent = "";
  const file = at("file").files[0];
  const text = at("text").value;
  if (!file && !text.trim()) return say("Paste a text or choose a recording.");
  if (!key()) return askForKey();
  at("submit").disabled = true;
  try {
    const answer = await (file ? sendRecording(file) : sendText(text));
    begin((await answer.json()).job_id, text, file ?? null);
  } catch (error) {
    say(error.message);
    at("submit").disabled = false;
  }
}

function sendText(text) {
  const body = JSON.stringify({ text, language: at("language").value || undefined, priority: "interactive" });
  return call("/submit", { method: "POST", headers: { "Content-Type": "application/json" }, body });
}

function sendRecording(file) {
  const form = new FormData();
  form.append("file", file);
  form.append("priority", "interactive");
  if (at("language").value) form.append("language", at("language").value);
  return call("/submit/audio", { method: "POST", body: form });
}

const say = (message) => { at("message").textContent = message; };

// --- watching ---

function begin(job, text, recording) {
  Object.assign(state, { job, text, recording, seq: null, partial: "", result: null });
  for (const [id, hidden] of [["answer", true], ["partial", true], ["work", false], ["cancel", false]]) at(id).hidden = hidden;
  at("stages").replaceChildren();
  showProgress("queued", null, 0);
  refreshStages();
  listen();
}

function listen() {
  const address = new URL(`${API}/ws/${state.job}`, location.href);
  address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  if (state.seq) address.searchParams.set("since", state.seq);
  const job = state.job;
  state.socket = new WebSocket(address, [`bearer.${key()}`]);
  state.socket.onmessage = (message) => hear(JSON.parse(message.data));
  state.socket.onclose = () => job === state.job && state.result === null && setTimeout(() => poll(job), 500);
}

function hear(event) {
  state.seq = event.seq ?? state.seq;
  if (event.type === "heartbeat") return;
  showProgress(event.status, event.stage, event.progress);
  if (event.partial) showPartial(event.append ? state.partial + event.partial : event.partial);
  if (event.type === "stage" || event.type === "snapshot") refreshStages();
  if (!OPEN.includes(event.status)) finish();
}

async function poll(job) {
  // The socket is away: ask instead, and try the socket again while the job runs.
  try {
    const document_ = await (await call(`/result/${job}?wait=5`)).json();
    if (job !== state.job) return;
    if (!OPEN.includes(document_.status)) return finish();
    showProgress(document_.status, document_.stage, document_.progress);
    listen();
  } catch (error) {
    say(error.message);
    setTimeout(() => job === state.job && poll(job), 2000);
  }
}

async function refreshStages() {
  const document_ = await (await call(`/result/${state.job}`)).json().catch(() => ({}));
  if (document_.stages) showStages(document_.stages);
}

const showStages = (stages) => at("stages").replaceChildren(...stages.map((stage) => element("li", stage.name, stage.status)));

function showProgress(status, stage, share) {
  at("progress").value = share ?? 0;
  at("status").textContent = OPEN.includes(status) && stage ? `${status}: ${stage}` : status.replaceAll("_", " ");
}

function showPartial(text) {
  state.partial = text;
  at("partial").hidden = false;
  at("partial").textContent = text;
  at("partial").scrollTop = at("partial").scrollHeight;
}

const cancel = () => call(`/result/${state.job}`, { method: "DELETE" }).catch((error) => say(error.message));

// --- the result ---

async function finish() {
  if (state.result) return;
  state.result = {};
  at("cancel").hidden = true;
  at("submit").disabled = false;
  state.socket?.close();
  try {
    state.result = await (await call(`/result/${state.job}`)).json();
  } catch (error) {
    return say(error.message);
  }
  if (state.result.stages) showStages(state.result.stages);
  showProgress(state.result.status, null, state.result.status === "completed" ? 1 : state.result.progress);
  if (state.result.status === "completed") showResult(state.result);
  else say(state.result.reason?.detail ?? "");
}

function showResult(result) {
  const text = result.transcript?.text ?? state.text;
  state.points = Array.from(text); // offsets count Unicode code points, not UTF-16 units
  at("partial").hidden = true;
  at("answer").hidden = false;
  showSource([]);
  showRecording();
  showCategory(result.classification);
  at("notes").replaceChildren(...[...degraded(result), ...(result.warnings ?? [])].map((note) => element("p", note, "quiet")));
  at("red-flags").replaceChildren(...result.red_flags.map((flag) => evident("div", `${flag.urgency}: ${flag.text}`, flag, "flag")));
  showSummary(result);
  at("facts").replaceChildren(...result.facts.map(factRow));
  const rest = result.recommendations.filter((each) => each.kind !== "red_flag");
  at("recommendations").replaceChildren(...rest.map((each) => evident("li", `${each.text} (${each.source})`, each)));
  at("disclaimer").textContent = result.disclaimer;
  at("result-title").scrollIntoView({ block: "nearest" });
}

const degraded = (result) => (result.degraded ?? []).map((each) => `${each.stage}: ${each.engine} (${each.reason})`);

function showCategory(found) {
  if (!found) return at("category").replaceChildren();
  const share = `${Math.round(found.confidence * 100)} %`;
  const doubt = found.needs_review ? `, to be reviewed; next: ${found.top.slice(1).map((each) => each.category).join(", ")}` : "";
  at("category").replaceChildren(evident("strong", found.category, found), ` ${share}${doubt}`);
}

function showSummary(result) {
  const narrative = result.clinical_summary.narrative ?? [];
  const lines = element("p", "");
  narrative.forEach((each) => lines.append(evident("span", `${each.text} `, each)));
  const sections = Map.groupBy ? Map.groupBy(result.summary, (each) => each.section) : new Map([["", result.summary]]);
  const blocks = [...sections].map(([name, sentences]) => {
    const block = element("p", "");
    block.append(element("strong", name ? `${name.replaceAll("_", " ")}: ` : ""));
    sentences.forEach((each) => block.append(evident("span", `${each.text} `, each)));
    return block;
  });
  at("summary").replaceChildren(lines, ...blocks);
}

function factRow(fact) {
  const row = evident("tr", "", fact);
  const who = fact.experiencer === "patient" ? "" : ` (${fact.relation ?? fact.experiencer})`;
  const when = fact.temporality === "current" ? "" : `, ${fact.temporality}`;
  const details = Object.entries(fact.attrs ?? {}).map(([name, value]) => `${name.replaceAll("_", " ")} ${value}`).join(", ");
  const codes = (fact.codes ?? []).map((code) => code.code).join(", ");
  [fact.text, fact.kind, `${fact.assertion}${when}${who}`, details, codes].forEach((cell) => row.append(element("td", cell)));
  return row;
}

// --- evidence ---

function evident(tag, text, item, className = "") {
  // Something whose evidence is shown in the source while it is pointed at or focused, and heard when it is chosen.
  const made = element(tag, text, `evident ${className}`);
  made.tabIndex = 0;
  const show = () => showSource(item.evidence ?? []);
  made.addEventListener("mouseenter", show);
  made.addEventListener("focus", show);
  made.addEventListener("click", () => hearEvidence(item.evidence ?? []));
  made.addEventListener("keydown", (event) => event.key === "Enter" && hearEvidence(item.evidence ?? []));
  return made;
}

function showSource(evidence) {
  const nodes = [];
  const turns = (state.result.transcript?.segments ?? []).filter((each) => each.speaker);
  let place = 0;
  const copyTo = (end) => {
    for (const { start, speaker } of turns.filter((each) => each.start >= place && each.start < end)) {
      nodes.push(slice(place, start), element("span", `${speaker}: `, "speaker"));
      place = start;
    }
    nodes.push(slice(place, end));
  };
  for (const span of merged(evidence)) {
    copyTo(span.start);
    nodes.push(element("mark", slice(span.start, span.end)));
    place = span.end;
  }
  copyTo(state.points.length);
  at("source").replaceChildren(...nodes);
  at("source").querySelector("mark")?.scrollIntoView({ block: "nearest" });
}

const slice = (start, end) => state.points.slice(start, end).join("");

function merged(evidence) {
  const spans = [];
  for (const { start, end } of [...evidence].sort((a, b) => a.start - b.start)) {
    const last = spans.at(-1);
    if (last && start <= last.end) last.end = Math.max(last.end, end);
    else spans.push({ start, end });
  }
  return spans;
}

function showRecording() {
  const audio = at("audio");
  if (audio.src) URL.revokeObjectURL(audio.src);
  audio.hidden = !state.recording;
  if (state.recording) audio.src = URL.createObjectURL(state.recording);
  else audio.removeAttribute("src");
}

function hearEvidence(evidence) {
  const spoken = evidence.find((span) => span.audio_start_s !== undefined);
  if (!spoken || !state.recording) return;
  at("audio").currentTime = spoken.audio_start_s;
  at("audio").play();
}

function element(tag, text, className = "") {
  const made = document.createElement(tag);
  made.textContent = text;
  if (className.trim()) made.className = className.trim();
  return made;
}

// --- saving ---

function save(name, text, type) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

async function saveBundle() {
  const bundle = await call(`/result/${state.job}/bundle`).catch((error) => say(error.message));
  if (bundle) save("bundle.json", await bundle.text(), "application/fhir+json");
}

// --- dropping a recording on the text ---

function drag(event) {
  event.preventDefault();
  at("text").classList.toggle("over", event.type === "dragover");
  if (event.type === "drop" && event.dataTransfer.files.length) at("file").files = event.dataTransfer.files;
}

takeKeyFromAddress();
at("form").addEventListener("submit", submit);
at("cancel").addEventListener("click", cancel);
at("key-button").addEventListener("click", askForKey);
at("key-dialog").addEventListener("close", () => at("key-dialog").returnValue === "save" && sessionStorage.setItem("key", at("key").value.trim()));
at("save-result").addEventListener("click", () => save("result.json", JSON.stringify(state.result, null, 2), "application/json"));
at("save-bundle").addEventListener("click", saveBundle);
["dragover", "dragleave", "drop"].forEach((name) => at("text").addEventListener(name, drag));
