/** The demo page: how a site uses Pero. A site takes pero.js from its own server, as this page does. */
import * as pero from "../library/pero.js";
import { TEXTS } from "./texts.js";

const language = navigator.language.toLowerCase().startsWith("ru") ? "ru" : "en";
const texts = TEXTS[language];

/** @type {import("../library/pero.js").Certificate | undefined} the one that was chosen; without it Pero asks */
let certificate;
/** @type {AbortController | undefined} of the call in flight */
let call;

put();
await run(texts.asking, async (signal) => {
  const status = await pero.status({ signal });
  if (status.error && status.state !== "not_allowed") throw status.error;
  return status.state === "ready" ? texts.ready : texts.notAllowed;
});

element("connect").onclick = () =>
  run(texts.connecting, async (signal) => {
    await pero.connect({ signal });
    return texts.allowed;
  });

element("choose").onclick = () =>
  run(texts.choosing, async (signal) => {
    certificate = await pero.selectCertificate({}, { signal });
    element("certificate").textContent = certificate.subject;
    return texts.chosen;
  });

element("sign").onclick = () =>
  run(texts.signing, async (signal) => {
    const content = new TextEncoder().encode(input("document").value);
    const what = { name: "document.txt", content, mediaType: "text/plain" };
    const attached = input("attached").checked;
    const signature = await pero.sign(what, { attached, signal, ...(certificate && { certificate }) });
    offer(signature, content);
    return texts.signed;
  });

element("cancel").onclick = () => call?.abort();

/**
 * Run one call and say how it goes: what is being done, how it ended, or what went wrong and what to do.
 *
 * @param {string} doing
 * @param {(signal: AbortSignal) => Promise<string>} action
 */
async function run(doing, action) {
  call = new AbortController();
  busy(true);
  say("busy", doing);
  try {
    say("ready", await action(call.signal));
  } catch (error) {
    if (error instanceof pero.PeroError) say("error", `${error.message} (${error.code})`, error.advice, error.code);
    else if (error instanceof DOMException && error.name === "AbortError") say("error", texts.cancelled);
    else throw error;
  } finally {
    busy(false);
  }
}

/**
 * @param {import("../library/pero.js").Signature} signature
 * @param {Uint8Array<ArrayBuffer>} content
 */
function offer(signature, content) {
  const result = element("result");
  result.hidden = false;
  result.dataset["signature"] = signature.base64 ?? "";
  result.dataset["detached"] = String(signature.detached);
  element("signer").textContent = signature.certificate.subject;
  const blob = signature.blob ?? new Blob([signature.signature ?? ""], { type: "application/pkcs7-signature" });
  link("download").href = URL.createObjectURL(blob);
  link("download-document").href = URL.createObjectURL(new Blob([content], { type: "text/plain" }));
}

/** @param {boolean} is */
function busy(is) {
  for (const id of ["connect", "choose", "sign"]) button(id).disabled = is;
  button("cancel").disabled = !is;
}

/**
 * @param {"busy" | "ready" | "error"} state
 * @param {string} text
 * @param {string} [advice]
 * @param {string} [code] of the error
 */
function say(state, text, advice = "", code = "") {
  Object.assign(element("status").dataset, { state, code });
  element("status").textContent = text;
  element("advice").textContent = advice;
}

/** The page's own words, in the person's language. */
function put() {
  document.documentElement.lang = language;
  for (const each of document.querySelectorAll("[data-text]")) {
    const key = /** @type {keyof typeof texts} */ (/** @type {HTMLElement} */ (each).dataset["text"]);
    each.textContent = texts[key];
  }
  input("document").value = texts.example;
}

/** @param {string} id */
function element(id) {
  return /** @type {HTMLElement} */ (document.getElementById(id));
}

/** @param {string} id */
function button(id) {
  return /** @type {HTMLButtonElement} */ (element(id));
}

/** @param {string} id */
function input(id) {
  return /** @type {HTMLInputElement} */ (element(id));
}

/** @param {string} id */
function link(id) {
  return /** @type {HTMLAnchorElement} */ (element(id));
}
