/** The popup: whether the browser finds Pero's program, whether the agent runs, and its version. */

document.documentElement.lang = chrome.i18n.getUILanguage();
show(chrome.i18n.getMessage("asking"));

const answer = await chrome.runtime.sendMessage("status");
if (answer.result) {
  show(chrome.i18n.getMessage("running", [String(answer.result.version)]));
} else {
  const { text, advice, facts } = answer.error.data;
  show(text ?? answer.error.message, advice, facts?.detail);
}

/**
 * @param {string} state
 * @param {string} [advice]
 * @param {string} [detail]
 */
function show(state, advice = "", detail = "") {
  for (const [id, text] of Object.entries({ state, advice, detail })) {
    /** @type {HTMLElement} */ (document.getElementById(id)).textContent = text;
  }
}
export {};
