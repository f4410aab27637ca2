import { Assembler, toFrames } from "./chunks.js";
import { hostError, makeError, worded } from "./errors.js";

/** @typedef {import("./errors.js").RpcError} RpcError */

const HOST = "pero.agent";

/**
 * The one native messaging port, shared by all pages. It is opened when something is sent, and again after it ended;
 * while it is open the browser keeps this background alive.
 */
export class AgentPort {
  /** @type {chrome.runtime.Port | null} */
  #port = null;
  #assembler = new Assembler();

  /**
   * @param {(envelope: Record<string, unknown>) => void} onEnvelope what the agent sends
   * @param {(error: RpcError) => void} onLost the port ended: nothing that was sent will be answered
   */
  constructor(onEnvelope, onLost) {
    this.onEnvelope = onEnvelope;
    this.onLost = onLost;
  }

  get isOpen() {
    return this.#port !== null;
  }

  /**
   * Send an envelope. A port that cannot be opened is told by onLost, not here.
   *
   * @param {object} envelope
   * @returns {boolean} false where the envelope is too large
   */
  send(envelope) {
    const frames = toFrames(envelope);
    if (frames === null) return false;
    try {
      this.#port ??= this.#open();
      for (const frame of frames) this.#port.postMessage(frame);
    } catch (error) {
      this.#end(hostError(String(error)));
    }
    return true;
  }

  #open() {
    const port = chrome.runtime.connectNative(HOST);
    port.onMessage.addListener((frame) => this.#port === port && this.#receive(frame));
    port.onDisconnect.addListener(() => {
      const error = /** @type {{ error?: { message?: string } }} */ (port).error; // Firefox
      const reason = error?.message ?? chrome.runtime.lastError?.message ?? "";
      if (this.#port === port) this.#end(hostError(reason));
    });
    return port;
  }

  /** @param {any} frame out of the native host, which copies what the agent says */
  #receive(frame) {
    if (frame.error) {
      this.#end(worded(frame.error));
    } else if (frame.chunk) {
      this.#assemble(frame.chunk);
    } else if (!frame.hello) {
      this.onEnvelope(frame);
    }
  }

  /** @param {import("./chunks.js").Chunk} chunk */
  #assemble(chunk) {
    try {
      const envelope = this.#assembler.add(chunk);
      if (envelope !== undefined) this.onEnvelope(/** @type {Record<string, unknown>} */ (envelope));
    } catch {
      this.#end(makeError("connection_lost"));
    }
  }

  /** @param {RpcError} error */
  #end(error) {
    const port = this.#port;
    this.#port = null;
    this.#assembler = new Assembler();
    port?.disconnect();
    this.onLost(error);
  }
}
