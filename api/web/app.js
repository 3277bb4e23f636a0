// The page: submit, watch the stages, save the result. Plain functions over the public API; result.js shows the result.
import { at, element, setText, showResult } from "/result.js";

const API = "/api/v1";
const OPEN = ["queued", "running"];
const WRITES = {
  read: "Text of the document so far",
  transcribe: "Transcript so far",
  summarize: "Draft summary, not checked yet",
  recommend: "Draft suggestions, not checked yet",
};
const SOUNDS = /\.(wav|mp3|m4a|flac|ogg|oga|webm)$/i;
const NOTES = /\.(txt|text|md)$/i;
const HINT = at("text").placeholder;
const state = { job: null, ended: true };

// --- the key: from the address's fragment (never sent to the server) or from the person; kept in this tab only ---

function takeKeyFromAddress() {
  const given = new URLSearchParams(location.hash.slice(1)).get("key");
  if (!given) return;
  sessionStorage.setItem("key", given);
  history.replaceState(null, "", location.pathname);
}

const key = () => sessionStorage.getItem("key") ?? "";

function askForKey() {
  at("key").value = key();
  if (!at("key-dialog").open) at("key-dialog").showModal();
}

function takeKey() {
  if (at("key-dialog").returnValue !== "save") return;
  sessionStorage.setItem("key", at("key").value.trim());
  say("");
  if (!state.ended) poll(state.job);
}

async function call(path, options = {}) {
  const headers = { ...options.headers, Authorization: `Bearer ${key()}` };
  const answer = await fetch(API + path, { ...options, headers }).catch(() => {
    throw new Error("The server cannot be reached.");
  });
  if (answer.status === 401) askForKey();
  if (answer.ok) return answer;
  const problem = await answer.json().catch(() => ({}));
  throw new Error(problem.detail ?? problem.title ?? `The server answered ${answer.status}.`, { cause: answer.status });
}

const say = (message) => setText(at("message"), message);

// --- submitting ---

async function submit(event) {
  event.preventDefault();
  say("");
  const file = at("file").files[0] ?? null;
  const text = at("text").value;
  if (!file && !text.trim()) return say("Paste a text or choose a file.");
  if (!key()) return askForKey();
  busy("Sending …");
  try {
    const answer = await (file ? sendFile(file) : sendText(text));
    begin((await answer.json()).job_id, text, file && isSound(file) ? file : null);
  } catch (error) {
    say(error.message);
    busy("");
  }
}

function busy(word) {
  at("submit").disabled = Boolean(word);
  at("submit").textContent = word || "Submit";
}

function sendText(text) {
  const language = at("language").value || undefined;
  const body = JSON.stringify({ text, language, priority: "interactive", explain: at("explain").checked });
  return call("/submit", { method: "POST", headers: { "Content-Type": "application/json" }, body });
}

const isSound = (file) => /^(audio|video)\//.test(file.type) || SOUNDS.test(file.name);

function sendFile(file) {
  const form = new FormData();
  form.append("file", file);
  form.append("priority", "interactive");
  if (at("language").value) form.append("language", at("language").value);
  if (at("explain").checked) form.append("explain", "true");
  return call(isSound(file) ? "/submit/audio" : "/submit/document", { method: "POST", body: form });
}

async function readNote(file) {
  // Null where it is not UTF-8: the server then reads it, or says why not. Nobody should find signs replaced.
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(await file.arrayBuffer());
  } catch {
    return null;
  }
}

async function chooseFile() {
  const file = at("file").files[0];
  const note = file && NOTES.test(file.name) ? await readNote(file) : null;
  if (note !== null) {
    at("text").value = note;
    at("file").value = "";
  }
  at("text").disabled = at("file").files.length > 0;
  at("text").placeholder = at("text").disabled ? "The file is submitted." : HINT;
  at("clear").hidden = !at("text").disabled;
}

function drag(event) {
  event.preventDefault();
  at("form").classList.toggle("over", event.type === "dragover");
  if (event.type !== "drop" || !event.dataTransfer.files.length) return;
  at("file").files = event.dataTransfer.files;
  chooseFile();
}

// --- watching ---

function begin(job, text, recording) {
  Object.assign(state, { job, text, recording, seq: null, stages: [], progress: 0, ended: false, result: null });
  busy("Working …");
  for (const [id, hidden] of [["answer", true], ["work", false], ["cancel", false]]) at(id).hidden = hidden;
  for (const id of ["stages", "texts", "reason"]) at(id).replaceChildren();
  showProgress("queued", null, 0);
  look(job, 0).catch((error) => say(error.message));
  listen();
}

async function look(job, wait) {
  const seen = await (await call(`/result/${job}?wait=${wait}`)).json();
  if (job !== state.job || state.ended) return;
  if (!OPEN.includes(seen.status)) return finish(seen.status);
  state.stages = seen.stages.map((stage) => stage.name);
  showProgress(seen.status, seen.stage, seen.progress);
  const before = seen.position ? `${seen.position} before it. ` : "";
  setText(at("wait"), before + (seen.eta_s ? `About ${Math.ceil(seen.eta_s)} s in all.` : ""));
}

function listen() {
  const address = new URL(`${API}/ws/${state.job}`, location.href);
  address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  if (state.seq) address.searchParams.set("since", state.seq);
  const job = state.job;
  state.socket = new WebSocket(address, [`bearer.${key()}`]);
  state.socket.onmessage = (message) => job === state.job && hear(JSON.parse(message.data));
  state.socket.onclose = () => setTimeout(() => poll(job), 500);
}

function hear(event) {
  state.seq = event.seq ?? state.seq;
  if (typeof event.partial === "string") showText(event); // an empty one takes back what was told
  if (OPEN.includes(event.status)) showProgress(event.status, event.stage, event.progress);
  else finish(event.status);
}

async function poll(job) {
  // The socket is away: ask instead, and try the socket again while the job runs.
  if (job !== state.job || state.ended) return;
  try {
    await look(job, 5);
    say("");
    if (!state.ended) listen();
  } catch (error) {
    say(error.message);
    if (!error.cause) setTimeout(() => poll(job), 2000); // the network; what the server refuses stays refused
  }
}

function showProgress(status, stage, share) {
  state.progress = Math.max(state.progress, share);
  at("progress").value = state.progress;
  setText(at("status"), status === "queued" ? "waits for a worker" : `running: ${stage}`);
  const done = state.progress * state.stages.length + 0.001; // a share is rounded to four places
  const words = state.stages.map((name, place) => (place + 1 <= done ? "done" : name === stage ? "running" : "waiting"));
  showStages(state.stages.map((name, place) => ({ name, status: words[place] })));
}

function showStages(stages) {
  const took = ({ seconds, status }) => (seconds >= 0.1 && status === "done" ? ` ${seconds.toFixed(1)} s` : "");
  at("stages").replaceChildren(...stages.map((stage) => element("li", stage.name + took(stage), stage.status)));
}

function showText({ stage, partial, append }) {
  let box = at(`text-${stage}`);
  if (!box) {
    box = element("p", "", stage === "transcribe" ? "" : "draft");
    Object.assign(box, { id: `text-${stage}`, tabIndex: 0, role: "region", ariaLabel: WRITES[stage] ?? stage });
    at("texts").append(element("h3", WRITES[stage] ?? stage), box);
  }
  const follows = box.scrollHeight - box.scrollTop - box.clientHeight < 40; // else somebody has scrolled up to read
  if (!append) box.textContent = "";
  box.append(partial);
  if (follows) box.scrollTop = box.scrollHeight;
}

function cancel() {
  call(`/result/${state.job}`, { method: "DELETE" }).then(() => finish("cancelled"), (error) => say(error.message));
}

// --- the result ---

async function finish(status) {
  if (state.ended) return;
  state.ended = true;
  state.socket.close();
  busy("");
  at("cancel").hidden = true;
  at("texts").replaceChildren();
  setText(at("wait"), "");
  try {
    if (status !== "cancelled") state.result = await (await call(`/result/${state.job}`)).json();
  } catch (error) {
    return say(error.message);
  }
  setText(at("status"), status.replaceAll("_", " "));
  setText(at("reason"), state.result?.reason?.detail ?? "");
  at("progress").value = status === "completed" ? 1 : state.progress;
  showStages(state.result?.stages ?? []);
  if (status === "completed") showResult(state.result, state.text, state.recording);
}

// --- saving ---

function save(name, text, type) {
  const link = element("a", "");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

async function fetchAndSave(name, path, type) {
  const answer = await call(`/result/${state.job}/${path}`).catch((error) => say(error.message));
  if (answer) save(name, await answer.text(), type);
}

takeKeyFromAddress();
window.addEventListener("hashchange", takeKeyFromAddress);
["dragover", "dragleave", "drop"].forEach((name) => document.addEventListener(name, drag));
at("form").addEventListener("submit", submit);
at("file").addEventListener("change", chooseFile);
const chosen = {
  "cancel": cancel,
  "key-button": askForKey,
  "clear": () => { at("file").value = ""; chooseFile(); },
  "save-result": () => save("result.json", JSON.stringify(state.result, null, 2), "application/json"),
  "save-bundle": () => fetchAndSave("bundle.json", "bundle", "application/fhir+json"),
  "save-transcript": () => fetchAndSave("transcript.vtt", "transcript?format=vtt", "text/vtt"),
};
Object.entries(chosen).forEach(([id, act]) => at(id).addEventListener("click", act));
at("key-dialog").addEventListener("close", takeKey);
