/**
 * The errors that are born in the extension, as JSON-RPC error objects; the rows are those of agent/errors.py.
 * Wordings are in _locales: error_NAME_text and error_NAME_advice.
 *
 * @typedef {{ name: string, actor: string, retriable: boolean, facts: Record<string, unknown>, text?: string, advice?: string }} ErrorData
 * @typedef {{ code: number, message: string, data: ErrorData }} RpcError
 */

/** @type {Record<string, [code: number, actor: string, retriable: boolean]>} */
export const ERRORS = {
  bad_request: [-32600, "page", false],
  message_too_large: [1009, "page", false],
  frame_refused: [1010, "page", false],
  state_unsafe: [4003, "administrator", false],
  not_running: [4009, "person", true],
  host_missing: [5002, "administrator", false],
  host_forbidden: [5003, "administrator", false],
  host_exited: [5004, "administrator", true],
  connection_lost: [5006, "page", true],
};

/**
 * Browsers' own words for why the port to the native messaging host ended, and our name for each. The first that fits counts.
 * Chromium 156: "Specified native messaging host not found.", "Access to the specified native messaging host is forbidden.",
 * "Native host has exited.", "Error when communicating with the native messaging host.". Firefox 153: "No such native
 * application pero.agent" (missing, and forbidden too); no words at all where the host exited.
 *
 * @type {[RegExp, string][]}
 */
const REASONS = [
  [/messaging host not found|No such native application/i, "host_missing"],
  [/is forbidden|does not have permission/i, "host_forbidden"],
];

/**
 * @param {string} name a row of ERRORS
 * @param {Record<string, unknown>} [facts]
 * @returns {RpcError}
 */
export function makeError(name, facts = {}) {
  const [code, actor, retriable] = ERRORS[name] ?? [-32603, "nobody", false];
  return worded({ code, message: name, data: { name, actor, retriable, facts } });
}

/**
 * The error with a text and advice in the browser's language, where it has none yet (the native host sends bare ones).
 *
 * @param {RpcError} error
 * @returns {RpcError}
 */
export function worded(error) {
  const { name, facts } = error.data;
  const substitutions = Object.values(facts).map(String);
  const text = error.data.text ?? chrome.i18n.getMessage(`error_${name}_text`, substitutions);
  const advice = error.data.advice ?? chrome.i18n.getMessage(`error_${name}_advice`);
  return { ...error, data: { ...error.data, text, advice } };
}

/**
 * Why the native port ended, out of the browser's own words.
 *
 * @param {string} reason
 */
export function hostError(reason) {
  const row = REASONS.find(([pattern]) => pattern.test(reason));
  return makeError(row ? row[1] : "host_exited", { detail: reason });
}
