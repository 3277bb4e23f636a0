// A finished result: what was found, and where it stands in the source. Nothing here talks to the server.

const KINDS = {
  symptom: "Symptoms", condition: "Conditions", medication: "Medications", allergy: "Allergies",
  vital: "Vital signs", procedure: "Procedures", social: "Social history",
};
const SYSTEMS = { "icd": "ICD-10", "snomed": "SNOMED", "rxnorm": "RxNorm", "loinc": "LOINC", "phenotype": "HPO" };
const SPEAK_FOR_THEMSELVES = ["duration", "severity", "severity_score", "laterality", "frequency", "route", "status"];
const shown = { result: null, recording: null, points: [], item: null };
export const at = (id) => document.getElementById(id);

export function showResult(result, text, recording) {
  const rest = result.recommendations.filter((each) => each.kind !== "red_flag");
  const points = Array.from(result.transcript?.text ?? text); // offsets count code points, not UTF-16 units
  Object.assign(shown, { result, recording, points });
  at("answer").hidden = false;
  showEvidence({ evidence: [] }, null);
  showRecording();
  at("patient").replaceChildren(...patient(result));
  at("category").replaceChildren(...category(result.classification));
  at("red-flags").replaceChildren(...result.red_flags.map((flag) => advice(flag, result)));
  at("notes").replaceChildren(...notes(result).map((note) => element("li", note)));
  at("summary").replaceChildren(...summary(result));
  at("recommendations").replaceChildren(...rest.map((each) => advice(each, result)));
  at("facts").replaceChildren(at("facts").tHead, ...facts(result.facts));
  at("disclaimer").textContent = result.disclaimer;
  at("save-transcript").hidden = !result.transcript?.segments.length;
  at("answer").scrollIntoView({ block: "start" });
}

function patient({ clinical_summary: found, language, transcript, timings }) {
  const seconds = Object.values(timings).reduce((sum, each) => sum + each, 0);
  const known = [["patient_age", `${found.patient_age} years`], ["patient_gender", found.patient_gender]];
  const who = known.filter(([name]) => found[name] !== null);
  return [
    ...who.map(([name, words]) => evident(words, { evidence: found.evidence[name] })),
    ...(who.length ? [] : [element("span", "age and gender not stated")]),
    ...(language ? [element("span", new Intl.DisplayNames(["en"], { type: "language" }).of(language))] : []),
    ...(transcript ? [element("span", extent(transcript), "quiet")] : []),
    element("span", `computed in ${seconds.toFixed(1)} s`, "quiet"),
  ];
}

function extent({ pages, duration_s: seconds }) {
  if (!pages) return `recording of ${Math.round(seconds)} s`;
  return pages.length === 1 ? "document of 1 page" : `document of ${pages.length} pages`;
}

function category(found) {
  if (!found) return [];
  const [first, ...others] = found.top.map(({ category: name, score }) => `${name} ${Math.round(score * 100)} %`);
  const doubt = found.needs_review ? " Not sure enough: a person should choose." : "";
  const next = element("span", ` Next: ${others.join(", ")}.`, "quiet");
  const name = [element("span", "Category ", "quiet"), evident(first, found, "strong")];
  return [...name, element("span", doubt, "doubt"), next, ...because(found.attributions)];
}

function because(attributions) {
  // The words that speak for the category, where the submission asked to have it explained.
  const words = attributions?.words.filter((each) => each.weight > 0).slice(0, 5) ?? [];
  if (!words.length) return [];
  return [element("span", " Speaks for it: ", "quiet"), ...words.map((each) => evident(slice(each.start, each.end), { evidence: [each] }))];
}

function notes({ degraded, warnings, share_read: share }) {
  const fallen = degraded.map((each) => `${each.stage} ran on its ${each.engine} engine: ${each.reason}`);
  return [...fallen, ...warnings, ...(share < 1 ? [`The summary read ${Math.round(share * 100)} % of the text.`] : [])];
}

function summary({ summary: sentences, clinical_summary: { narrative } }) {
  // A heading where the section changes; the narrative where there is no sectioned summary.
  const all = sentences.length ? sentences : narrative;
  return all.flatMap((each, place) => {
    const line = element("dd", "");
    line.append(evident(each.text, each), doubt(each));
    return each.section === all[place - 1]?.section ? [line] : [element("dt", words(each.section)), line];
  });
}

function advice(each, result) {
  const made = element("li", "");
  const model = result.models.recommend?.name === each.source ? ", a language model" : "";
  const urgency = each.urgency === "routine" ? "" : each.urgency;
  const kind = each.kind ? `${words(each.kind)} · ` : "";
  const source = element("span", kind + each.source + model, "quiet");
  made.append(element("strong", urgency), evident(each.text, each), doubt(each), source);
  return made;
}

const doubt = ({ support }) => element("span", (support ?? "supported") === "supported" ? "" : ` [${support}]`, "doubt");
const words = (name) => name.replaceAll("_", " ");

function facts(all) {
  if (!all.length) return [element("caption", "No facts were found.")];
  const kinds = [...new Set([...Object.keys(KINDS), ...all.map((fact) => fact.kind)])];
  return kinds.flatMap((kind) => {
    const mine = all.filter((fact) => fact.kind === kind);
    if (!mine.length) return [];
    const [group, row, title] = [element("tbody", ""), element("tr", "", "kind"), element("th", KINDS[kind] ?? kind)];
    Object.assign(title, { colSpan: 4, scope: "rowgroup" });
    row.append(title);
    group.append(row, ...mine.map(factRow));
    return [group];
  });
}

function factRow(fact) {
  const [row, name, sense, codes] = [element("tr", ""), element("th", ""), element("td", ""), element("td", "")];
  name.scope = "row";
  name.append(evident(fact.text, fact));
  if (pageOf(fact)) name.append(element("small", pageOf(fact)));
  if (fact.concept && fact.concept !== fact.text.toLowerCase()) name.append(element("small", fact.concept));
  const who = fact.experiencer === "patient" ? "" : `${fact.relation ?? fact.experiencer}: `;
  const when = fact.temporality === "current" ? [] : [fact.temporality];
  const senses = fact.assertion === "present" && when.length ? when : [fact.assertion, ...when];
  sense.append(element("span", who, "strong"), element("span", senses.join(", "), fact.assertion));
  codes.append(...fact.codes.map((code) => element("small", coded(code))));
  row.append(name, sense, element("td", details(fact.attrs)), codes);
  points(row, fact);
  return row;
}

function coded({ system, code }) {
  const part = Object.keys(SYSTEMS).find((each) => system.includes(each));
  return `${SYSTEMS[part] ?? ""} ${code.replace("HP:", "")}`;
}

function details({ duration_days: _, systolic, diastolic, dose, value, unit = "", ...rest }) {
  const amount = systolic !== undefined ? `${systolic}/${diastolic ?? "?"}` : dose ?? value;
  const measure = amount === undefined ? [] : [`${amount} ${unit.replace(/[[\]]/g, "")}`.trim()];
  const named = ([name, each]) => (SPEAK_FOR_THEMSELVES.includes(name) ? each : `${words(name)} ${each}`);
  return [...measure, ...Object.entries(rest).map(named)].join(" · ");
}

// --- evidence ---

function pageOf({ evidence }) {
  return evidence[0]?.page ? `page ${evidence[0].page}` : "";
}

function evident(text, item, className = "") {
  // Words whose evidence is shown in the source while they are pointed at or focused, and heard when they are chosen.
  if (!item.evidence?.length) return element("span", text, className);
  const made = element("button", text, `evident ${className}`);
  made.type = "button";
  made.title = pageOf(item);
  made.addEventListener("focus", () => showEvidence(item, made));
  made.addEventListener("click", () => hearEvidence(item));
  points(made, item);
  return made;
}

function points(node, item) {
  // Not mouseenter: a page that moves under a still mouse must not take the evidence from the keyboard.
  const moved = (event) => event.movementX || event.movementY;
  node.addEventListener("mousemove", (event) => moved(event) && shown.item !== item && showEvidence(item, node));
}

function showEvidence(item, node) {
  document.querySelector(".shown")?.classList.remove("shown");
  (node?.closest("tr") ?? node)?.classList.add("shown");
  shown.item = item;
  const box = at("source");
  box.replaceChildren(...source(merged(item.evidence)));
  const first = box.querySelector("mark");
  const above = first ? first.offsetTop - box.scrollTop : 0;
  if (above < 0 || above > box.clientHeight - 40) box.scrollTop += above - box.clientHeight / 3;
}

function source(spans) {
  // A text as it came; a recording in turns, each with who speaks; a document in pages.
  const turns = [];
  for (const segment of shown.result.transcript?.pages?.map(asSegment) ?? shown.result.transcript?.segments ?? []) {
    if (segment.speaker && turns.at(-1)?.[0].speaker === segment.speaker) turns.at(-1).push(segment);
    else turns.push([segment]);
  }
  return turns.length ? turns.map((segments) => turn(segments, spans)) : marked(0, shown.points.length, spans);
}

function asSegment({ page, start, end, recognised }) {
  return { speaker: `page ${page}`, start, end, flags: recognised ? ["OCR"] : [] };
}

function turn(segments, spans) {
  const { speaker } = segments[0];
  const [made, said] = [element("div", "", `turn ${speaker ?? "alone"}`), element("span", "")];
  for (const { start, end, flags } of segments) {
    const flagged = element("span", flags.length ? ` [${flags.map(words).join(", ")}]` : "", "doubt");
    said.append(...marked(start, end, spans), flagged, " ");
  }
  made.append(...(speaker ? [element("span", speaker, "speaker")] : []), said);
  return made;
}

function marked(start, end, spans) {
  const nodes = [];
  for (const span of spans.filter((each) => each.start < end && each.end > start)) {
    const [from, to] = [Math.max(span.start, start), Math.min(span.end, end)];
    nodes.push(slice(start, from), element("mark", slice(from, to)));
    start = to;
  }
  return [...nodes, slice(start, end)];
}

const slice = (start, end) => shown.points.slice(start, end).join("");

function merged(evidence) {
  const spans = [];
  for (const { start, end } of evidence.toSorted((a, b) => a.start - b.start)) {
    const last = spans.at(-1);
    if (last && start <= last.end) last.end = Math.max(last.end, end);
    else spans.push({ start, end });
  }
  return spans;
}

function showRecording() {
  const audio = at("audio");
  if (audio.src) URL.revokeObjectURL(audio.src);
  audio.hidden = !shown.recording;
  if (shown.recording) audio.src = URL.createObjectURL(shown.recording);
  else audio.removeAttribute("src");
}

function hearEvidence(item) {
  showEvidence(item, document.activeElement);
  setText(at("evidence"), `In the source${pageOf(item) && `, ${pageOf(item)}`}: ${merged(item.evidence).map(({ start, end }) => slice(start, end)).join(" … ")}`);
  const spoken = item.evidence.find((span) => span.audio_start_s !== undefined);
  if (!spoken || !shown.recording) return;
  at("audio").currentTime = spoken.audio_start_s;
  at("audio").play();
}

// --- the document ---

export function element(tag, text, className = "") {
  const made = document.createElement(tag);
  made.textContent = text;
  if (className.trim()) made.className = className.trim();
  return made;
}

export function setText(node, text) {
  // Only a change: a status that is written again would be read aloud again.
  if (node.textContent !== text) node.textContent = text;
}
