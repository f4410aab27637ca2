/** The popup: whether the browser finds Pero's program, whether the agent runs, and what a quick look finds wrong. */

const LANGUAGE = chrome.i18n.getUILanguage();

document.documentElement.lang = LANGUAGE;
show(chrome.i18n.getMessage("asking"));

const answer = await chrome.runtime.sendMessage("status");
if (answer.result) {
  show(chrome.i18n.getMessage("running", [String(answer.result.version)]));
  await look();
} else {
  const { text, advice, facts } = answer.error.data;
  show(text ?? answer.error.message, advice, facts?.detail);
}

/** Have the agent look at the machine. An agent that is older than this extension cannot, and says nothing here. */
async function look() {
  const summary = element("summary");
  summary.textContent = chrome.i18n.getMessage("looking");
  const { result } = await chrome.runtime.sendMessage("diagnose");
  if (!result) return void (summary.textContent = "");
  element("findings").replaceChildren(...result.findings.map(rowOf));
  summary.textContent = result.findings.length
    ? chrome.i18n.getMessage("more")
    : chrome.i18n.getMessage("nothing_wrong", [String(result.counts.ok)]);
}

/** @param {{ id: string, status: string, text: string, why: string, advice: string }} finding in words already */
function rowOf(finding) {
  const row = document.createElement("li");
  row.className = finding.status;
  row.dataset["id"] = finding.id;
  const status = chrome.i18n.getMessage(`status_${finding.status}`);
  for (const [kind, text] of [["text", `${status}. ${finding.text}`], ["why", finding.why], ["advice", finding.advice]]) {
    if (!text) continue;
    const line = document.createElement("p");
    line.className = kind ?? "";
    line.textContent = text;
    row.append(line);
  }
  return row;
}

/**
 * @param {string} state
 * @param {string} [advice]
 * @param {string} [detail]
 */
function show(state, advice = "", detail = "") {
  for (const [id, text] of Object.entries({ state, advice, detail })) element(id).textContent = text;
}

/** @param {string} id */
function element(id) {
  return /** @type {HTMLElement} */ (document.getElementById(id));
}
export {};
