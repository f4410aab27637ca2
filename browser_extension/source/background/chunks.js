/**
 * Envelopes that are too large for one frame of native messaging, as chunks; and back.
 * A chunk: {"chunk": {"id", "index" from 0, "last", "data": base64 of at most CHUNK bytes of the envelope's UTF-8 JSON}}.
 *
 * @typedef {{ id: string, index: number, last: boolean, data: string }} Chunk
 */

export const CHUNK = 512 * 1024; // bytes; what is larger travels in chunks
export const MAX_MESSAGE = 64 * 1024 * 1024; // bytes of an envelope's JSON

let nextId = 1;

/**
 * The frames in which an envelope travels.
 *
 * @param {object} envelope
 * @returns {object[] | null} null where it is over MAX_MESSAGE
 */
export function toFrames(envelope) {
  const text = JSON.stringify(envelope);
  if (text.length * 3 <= CHUNK) return [envelope];
  const bytes = new TextEncoder().encode(text);
  if (bytes.length <= CHUNK) return [envelope];
  if (bytes.length > MAX_MESSAGE) return null;
  const id = `c${nextId++}`;
  const count = Math.ceil(bytes.length / CHUNK);
  return Array.from({ length: count }, (_, index) => {
    const data = toBase64(bytes.subarray(index * CHUNK, (index + 1) * CHUNK));
    return { chunk: { id, index, last: index === count - 1, data } };
  });
}

/** Puts one chunked envelope at a time together again. */
export class Assembler {
  /** @type {Uint8Array[]} */
  #parts = [];
  #id = "";
  #size = 0;

  /**
   * @param {Chunk} chunk
   * @returns {unknown} the envelope at its last chunk, undefined before; throws at a chunk out of turn
   */
  add(chunk) {
    if (chunk.index === 0) this.#id = chunk.id;
    if (chunk.id !== this.#id || chunk.index !== this.#parts.length) throw new Error("chunk out of turn");
    const bytes = fromBase64(chunk.data);
    this.#size += bytes.length;
    if (this.#size > MAX_MESSAGE) throw new Error("message over the limit");
    this.#parts.push(bytes);
    return chunk.last ? this.#finish() : undefined;
  }

  #finish() {
    const whole = new Uint8Array(this.#size);
    let offset = 0;
    for (const part of this.#parts) {
      whole.set(part, offset);
      offset += part.length;
    }
    this.#parts = [];
    this.#size = 0;
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(whole));
  }
}

/**
 * @typedef {Uint8Array<ArrayBuffer>} Bytes
 * @typedef {{ toBase64?: () => string }} Encodes the ECMAScript 2026 method, in Chromium since 140
 * @typedef {{ fromBase64?: (text: string) => Bytes }} Decodes
 */

/** @param {Uint8Array} bytes */
function toBase64(bytes) {
  const encoded = /** @type {Encodes} */ (bytes).toBase64?.();
  if (encoded !== undefined) return encoded;
  let binary = "";
  for (let start = 0; start < bytes.length; start += 0x8000) {
    binary += String.fromCharCode(...bytes.subarray(start, start + 0x8000));
  }
  return btoa(binary);
}

/**
 * @param {string} text
 * @returns {Bytes}
 */
function fromBase64(text) {
  const decoded = /** @type {Decodes} */ (Uint8Array).fromBase64?.(text);
  return decoded ?? Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}
