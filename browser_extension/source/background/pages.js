import { makeError } from "./errors.js";

/** @typedef {import("./errors.js").RpcError} RpcError */
/** @typedef {string | number} RequestId */

/**
 * The pages that speak with the agent. What a page sends goes on in an envelope that says whose it is; the origin in it
 * is the browser's word (`sender.origin`), never the page's.
 */
export class Pages {
  /** @type {Map<string, Page>} */
  #pages = new Map();
  #nextName = 1;

  /**
   * @param {(envelope: object) => boolean} send to the agent; false where the envelope is too large
   * @param {() => boolean} isOpen whether there is a port to the agent
   */
  constructor(send, isOpen) {
    this.send = send;
    this.isOpen = isOpen;
  }

  /** @param {chrome.runtime.Port} port of a content script */
  add(port) {
    const page = new Page(`p${this.#nextName++}`, port);
    this.#pages.set(page.name, page);
    port.onMessage.addListener((text) => this.#request(page, text));
    port.onDisconnect.addListener(() => {
      this.#pages.delete(page.name);
      if (page.asked && this.isOpen()) this.send({ page: page.name, closed: true });
    });
  }

  /**
   * Hand an answer of the agent to its page, where it is still there.
   *
   * @param {unknown} name
   * @param {unknown} message
   */
  answer(name, message) {
    const page = typeof name === "string" ? this.#pages.get(name) : undefined;
    page?.answer(message);
  }

  /** @param {RpcError} error what every request in flight ends with */
  fail(error) {
    for (const page of this.#pages.values()) page.fail(error);
  }

  /**
   * @param {Page} page
   * @param {unknown} text JSON, as the page wrote it
   */
  #request(page, text) {
    const message = parse(text);
    if (message === undefined) return page.refuse(null, "bad_request", { detail: "no JSON" });
    const id = idOf(message);
    if (!page.isTop) return page.refuse(id, "frame_refused");
    page.asked = true;
    if (id !== null) page.inFlight.add(id);
    if (!this.send({ page: page.name, origin: page.origin, top_frame: page.isTop, message })) {
      page.refuse(id, "message_too_large");
    }
  }
}

/** One connection of one document. */
class Page {
  /** @type {Set<RequestId>} */
  inFlight = new Set();
  asked = false; // whether the agent has heard of it

  /**
   * @param {string} name
   * @param {chrome.runtime.Port} port
   */
  constructor(name, port) {
    this.name = name;
    this.port = port;
    this.origin = port.sender?.origin ?? "null";
    this.isTop = port.sender?.frameId === 0 && port.sender.tab !== undefined;
  }

  /** @param {unknown} message */
  answer(message) {
    const id = idOf(message);
    if (id !== null) this.inFlight.delete(id);
    try {
      this.port.postMessage(JSON.stringify(message));
    } catch {
      // the page went away and its onDisconnect comes next; the others go on
    }
  }

  /** @param {RpcError} error */
  fail(error) {
    for (const id of [...this.inFlight]) this.answer({ jsonrpc: "2.0", id, error });
  }

  /**
   * @param {RequestId | null} id
   * @param {string} name
   * @param {Record<string, unknown>} [facts]
   */
  refuse(id, name, facts) {
    this.answer({ jsonrpc: "2.0", id, error: makeError(name, facts) });
  }
}

/** @param {unknown} text */
function parse(text) {
  try {
    return /** @type {unknown} */ (JSON.parse(String(text)));
  } catch {
    return undefined;
  }
}

/**
 * @param {unknown} message
 * @returns {RequestId | null}
 */
function idOf(message) {
  const id = typeof message === "object" && message !== null && "id" in message ? message.id : null;
  return typeof id === "string" || typeof id === "number" ? id : null;
}
