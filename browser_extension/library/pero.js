// SPDX-License-Identifier: MIT
// Pero for web pages. Types, and the table of errors, are in pero.d.ts beside this file.

/** @import * as Types from "./pero.js" */
/** @typedef {{ code: number, message: string, data?: { name?: string, actor?: string, retriable?: boolean, facts?: Record<string, unknown>, text?: string, advice?: string, finding?: string } }} RpcError */
/** @typedef {{ resolve: (result: any) => void, reject: (reason: unknown) => void }} Pending */

const CONNECT = "pero:connect:1"; // what the extension's content script listens for
const PING = "pero:ping"; // answered by the content script itself
const PORTS = [14741, 24741, 29741];
const MAX_MESSAGE = 48 * 1024 * 1024; // characters of JSON; the browser's own limit for extensions is 64 MiB
const LARGE = 8 * 1024 * 1024; // bytes; larger documents are handed over in pieces, and never held whole
const TOGETHER = 24 * 1024 * 1024; // bytes of a batch's documents in its one message; the others are handed over before
const LOOPBACK_PIECE = 1024 * 1024; // bytes; over the extension the agent says what is good
const AHEAD = 4; // pieces that are on their way at a time
const PATIENCE = 500; // milliseconds; waited twice, since a page that was busy sees its timers before its messages
const WATCH = 5000; // milliseconds between two looks at whether the extension is still there while it is waited for

/** Errors that are born here: number, actor, retriable, and text and advice in two languages. */
const ERRORS = /** @type {const} */ ({
  message_too_large: [1009, "page", false, {
    en: ["The document is too large.", ""],
    ru: ["Документ слишком велик.", ""],
  }],
  not_installed: [5001, "person", false, {
    en: ["The Pero extension is not in this browser.", "Install the extension and reload the page."],
    ru: ["В этом браузере нет расширения Pero.", "Установите расширение и обновите страницу."],
  }],
  unreachable: [5005, "person", true, {
    en: ["Pero cannot be reached.", "Check that Pero runs and that the browser lets this site reach it."],
    ru: ["Не удаётся связаться с Pero.", "Проверьте, что Pero запущен и что браузер разрешает этому сайту обращаться к нему."],
  }],
  connection_lost: [5006, "page", true, {
    en: ["The connection to Pero was lost.", "Try again; if that does not help, reload the page."],
    ru: ["Связь с Pero прервалась.", "Повторите; если не поможет, обновите страницу."],
  }],
}); // prettier-ignore

export class PeroError extends Error {
  /** @param {RpcError} error */
  constructor({ code, message, data = {} }) {
    super(data.text || data.name || message);
    this.name = "PeroError";
    this.code = data.name ?? message;
    this.number = code;
    this.actor = /** @type {Types.PeroError["actor"]} */ (data.actor ?? "nobody");
    this.retriable = data.retriable ?? false;
    this.facts = Object.freeze({ ...data.facts });
    this.advice = data.advice ?? "";
    this.finding = data.finding ?? "";
  }
}

/**
 * @param {keyof typeof ERRORS} name
 * @param {Record<string, unknown>} [facts]
 */
function errorOf(name, facts = {}) {
  const [code, actor, retriable, texts] = ERRORS[name];
  const [text, advice] = texts[navigator.language.toLowerCase().startsWith("ru") ? "ru" : "en"];
  return new PeroError({ code, message: name, data: { name, actor, retriable, facts, text, advice } });
}

/** One conversation in JSON-RPC 2.0, whatever carries its text. */
class Connection {
  /** @type {Map<number, Pending>} */
  #pending = new Map();
  #nextId = 1;
  #takes = 0; // messages that the other side said it took
  #watch = 0; // timer
  #isOpen = true;
  /** @type {() => void} */
  onClose = () => {};
  http = ""; // where it takes HTTP requests, too

  /**
   * @param {Types.Transport} transport
   * @param {(text: string) => void} send
   * @param {boolean} acknowledges whether the other side says {"pero": "taken"} to each message
   */
  constructor(transport, send, acknowledges) {
    this.transport = transport;
    this.send = send;
    this.acknowledges = acknowledges;
  }

  /**
   * @param {string} method
   * @param {object} parameters
   * @param {AbortSignal | undefined} signal
   * @returns {Promise<any>} the result
   */
  call(method, parameters, signal) {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const id = this.#nextId++;
      const text = JSON.stringify({ jsonrpc: "2.0", id, method, params: parameters });
      if (text.length > MAX_MESSAGE) throw errorOf("message_too_large", { limit: MAX_MESSAGE });
      const abort = () => {
        this.#take(id)?.reject(signal?.reason);
        this.#post(JSON.stringify({ jsonrpc: "2.0", id: this.#nextId++, method: "cancel", params: { id } }));
      };
      /** @param {() => void} settle */
      const done = (settle) => {
        signal?.removeEventListener("abort", abort);
        settle();
      };
      this.#pending.set(id, {
        resolve: (result) => done(() => resolve(result)),
        reject: (reason) => done(() => reject(reason)),
      });
      signal?.addEventListener("abort", abort);
      this.#post(text);
      if (this.acknowledges) this.#watch ||= setInterval(() => this.#look(), WATCH);
    });
  }

  /** @param {unknown} text what came from the other side */
  receive(text) {
    const message = JSON.parse(String(text));
    if (message.pero === "taken") this.#takes += 1;
    else if (message.pero === "lost") this.#failAll();
    else if (message.pero === "gone") this.close();
    else if (message.error) this.#take(message.id)?.reject(new PeroError(message.error));
    else this.#take(message.id)?.resolve(message.result);
  }

  /** Nothing more will be answered. */
  close() {
    this.#isOpen = false;
    this.#failAll();
    this.onClose();
  }

  /** A content script of an extension that was updated or removed says nothing any more: find that out. */
  #look() {
    if (this.#pending.size > 0) return this.#post(PING);
    clearInterval(this.#watch);
    this.#watch = 0;
  }

  #failAll() {
    for (const id of [...this.#pending.keys()]) this.#take(id)?.reject(errorOf("connection_lost"));
  }

  /** @param {number} id */
  #take(id) {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    return pending;
  }

  /** @param {string} text */
  #post(text) {
    if (!this.#isOpen) return this.#failAll();
    const before = this.#takes;
    this.send(text);
    if (this.acknowledges) patiently(() => this.#takes > before || this.close());
  }
}

/**
 * Call back after a while in which messages that had come were delivered.
 *
 * @param {() => void} callback
 */
function patiently(callback) {
  setTimeout(() => setTimeout(callback, PATIENCE), PATIENCE);
}

/**
 * Through the extension's content script, which answers at once where it is there.
 *
 * @returns {Promise<Connection>}
 */
function openExtension() {
  return new Promise((resolve, reject) => {
    const { port1: port, port2: theirs } = new MessageChannel();
    const connection = new Connection("extension", (text) => port.postMessage(text), true);
    port.onmessage = () => {
      port.onmessage = (event) => connection.receive(event.data);
      resolve(connection);
    };
    window.postMessage(CONNECT, "/", [theirs]);
    patiently(() => reject(errorOf("not_installed")));
  });
}

/**
 * Straight to the agent: the first port where somebody opens a WebSocket. Only where the site asked for it.
 *
 * @returns {Promise<Connection>}
 */
async function openLoopback() {
  for (const port of PORTS) {
    const connection = await openSocket(`ws://127.0.0.1:${port}/v1`);
    if (connection) return connection;
  }
  throw errorOf("unreachable");
}

/**
 * @param {string} address
 * @returns {Promise<Connection | null>} null where nobody opens
 */
function openSocket(address) {
  return new Promise((resolve) => {
    const socket = new WebSocket(address); // no deadline: the browser may be asking the person
    const connection = new Connection("loopback", (text) => socket.send(text), false);
    connection.http = address.replace(/^ws(.*)\/v1$/, "http$1");
    socket.onmessage = (event) => connection.receive(event.data);
    socket.onopen = () => resolve(connection);
    socket.onclose = () => {
      connection.close();
      resolve(null);
    };
  });
}

/** @type {Record<Types.Transport, () => Promise<Connection>>} */
const TRANSPORTS = { extension: openExtension, loopback: openLoopback };

/** @type {readonly Types.Transport[]} */
let transports = ["extension"];

/** @type {Map<Types.Transport, Promise<Connection>>} */
const connections = new Map();

/**
 * The connection of one transport: the one that is open or being opened, or a new one.
 *
 * @param {Types.Transport} transport
 * @returns {Promise<Connection>}
 */
function connectionOf(transport) {
  const known = connections.get(transport);
  if (known) return known;
  const forget = () => void connections.delete(transport);
  const opening = TRANSPORTS[transport]();
  connections.set(transport, opening);
  opening.then((connection) => (connection.onClose = forget), forget);
  return opening;
}

/**
 * Call a method over the first transport that is there. Only "not installed" leads on to the next one.
 *
 * @param {string} method
 * @param {object} parameters
 * @param {AbortSignal | undefined} signal
 * @param {(transport: Types.Transport) => void} [reached] told which transport is used
 */
async function call(method, parameters, signal, reached) {
  const connection = await connected(signal);
  reached?.(connection.transport);
  return connection.call(method, parameters, signal);
}

/**
 * The connection over the first transport that is there.
 *
 * @param {AbortSignal | undefined} signal
 * @returns {Promise<Connection>}
 */
async function connected(signal) {
  let missing = errorOf("not_installed");
  for (const transport of transports) {
    try {
      return await unlessAborted(connectionOf(transport), signal);
    } catch (error) {
      if (!(error instanceof PeroError) || error.code !== "not_installed") throw error;
      missing = error;
    }
  }
  throw missing;
}

/**
 * @template Result
 * @param {Promise<Result>} promise
 * @param {AbortSignal | undefined} signal
 * @returns {Promise<Result>}
 */
function unlessAborted(promise, signal) {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const abort = () => reject(signal.reason);
    signal.addEventListener("abort", abort);
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}

/** @type {typeof Types.configure} */
export function configure(configuration) {
  const unknown = configuration.transports.find((transport) => !Object.hasOwn(TRANSPORTS, transport));
  if (unknown !== undefined) throw new TypeError(`unknown transport: ${unknown}`);
  transports = [...configuration.transports];
}

/** @type {typeof Types.status} */
export async function status({ signal } = {}) {
  /** @type {Types.Transport | null} */
  let transport = null;
  try {
    const { version, protocol } = await call("status", {}, signal, (reached) => (transport = reached));
    return { state: "ready", transport, version, protocol };
  } catch (error) {
    if (!(error instanceof PeroError)) throw error;
    return { state: error.code, transport, error };
  }
}

/** @type {typeof Types.connect} */
export function connect({ signal } = {}) {
  return call("connect", {}, signal);
}

/** @type {typeof Types.selectCertificate} */
export async function selectCertificate(filter, { signal } = {}) {
  const result = await call("select_certificate", defined({ filter: filterOf(filter) }), signal);
  return certificateOf(result.certificate);
}

/** @type {typeof Types.sign} */
export async function sign(what, options = {}) {
  const { signal } = options;
  signal?.throwIfAborted();
  const wanted = wantedOf(options);
  if (what instanceof Blob) what = documentOfFile(what);
  if ("content" in what && sizeOf(what.content) > LARGE) return signLarge(what, options);
  const parameters = {
    ...("content" in what ? { document: await documentOf(what) } : { digest: digestOf(what) }),
    ...wanted,
  };
  return signatureOf(await call("sign", parameters, signal), null);
}

/** @type {typeof Types.signBatch} */
export function signBatch(documents, options = {}) {
  const stop = new AbortController();
  const results = resultsOf(documents, options, stop.signal);
  return {
    next: () => results.next(),
    return() {
      stop.abort(); // a result that is being waited for would hold up the generator's own return
      return results.return();
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

/** @type {typeof Types.signIn} */
export async function signIn(nonce, options = {}) {
  const { audience, certificate, filter, digestAlgorithm, signal, ...rest } = options;
  refuseOthers(rest, "option");
  const parameters = defined({
    nonce: toBase64(buffered(nonce)),
    audience,
    certificate: thumbprintOf(certificate),
    filter: filterOf(filter),
    digest_algorithm: digestAlgorithm,
  });
  const result = await call("sign_in", parameters, signal);
  return {
    signature: fromBase64(result.signature),
    base64: result.signature,
    content: fromBase64(result.content),
    certificate: certificateOf(result.certificate),
  };
}

/**
 * What the agent tells of a batch, as it comes. Stopped, it tells what was done by then, and that the rest was not.
 *
 * @param {readonly (Types.PeroDocument | Types.PeroDigest | Blob)[]} documents
 * @param {Types.BatchOptions} options
 * @param {AbortSignal} left aborted when nobody wants the rest
 * @returns {AsyncGenerator<Types.BatchResult, void, undefined>}
 */
async function* resultsOf(documents, options, left) {
  const { signal } = options;
  signal?.throwIfAborted();
  const { parameters, rest } = await batchOf(documents, options);
  const connection = await connected(signal);
  let upload = "";
  try {
    if (rest) upload = await handOverRest(connection, rest, parameters.documents, options, left);
  } catch (error) {
    if (left.aborted) return;
    throw error;
  }
  try {
    yield* resultsOver(connection, parameters, options, left);
  } finally {
    if (upload) connection.call("upload_drop", { upload }, undefined).catch(() => {});
  }
}

/**
 * The same, once what does not fit into the message was handed over.
 *
 * @param {Connection} connection
 * @param {object} parameters of `sign_batch`
 * @param {Types.BatchOptions} options
 * @param {AbortSignal} left
 * @returns {AsyncGenerator<Types.BatchResult, void, undefined>}
 */
async function* resultsOver(connection, parameters, { signal }, left) {
  const { batch } = await connection.call("sign_batch", parameters, undefined); // taken back, its batch would go on
  const stop = () => void connection.call("batch_stop", { batch }, undefined).catch(() => {});
  const signals = [signal, left].filter((one) => one !== undefined);
  for (const one of signals) one.aborted ? stop() : one.addEventListener("abort", stop);
  let after = 0;
  let isOver = false;
  try {
    while (!isOver) {
      const told = await connection.call("batch_next", { batch, after }, undefined);
      after = told.next;
      isOver = told.done;
      for (const { index, result, error } of told.results) {
        yield error ? { index, error: new PeroError(error) } : { index, ...signatureOf(result, null) };
      }
    }
  } catch (error) {
    isOver = true;
    if (error instanceof PeroError && error.code === "cancelled") signal?.throwIfAborted();
    if (!left.aborted) throw error;
  } finally {
    for (const one of signals) one.removeEventListener("abort", stop);
    if (!isOver) abandon(connection, batch, after);
  }
  signal?.throwIfAborted();
}

/**
 * Documents for which the message has no room, one behind the other in one upload; each is told where it stands.
 *
 * @param {Connection} connection
 * @param {Blob} rest
 * @param {Record<string, unknown>[]} documents of `sign_batch`
 * @param {Types.BatchOptions} options
 * @param {AbortSignal} left
 * @returns {Promise<string>} the upload
 */
async function handOverRest(connection, rest, documents, { digestAlgorithm = "sha256", signal, ...ways }, left) {
  const both = signal ? AbortSignal.any([signal, left]) : left;
  const begun = { name: "", size: rest.size, digest_algorithm: digestAlgorithm };
  const { upload, chunk } = await connection.call("upload_begin", begun, both);
  try {
    await handOver(connection, upload, rest, connection.http ? LOOPBACK_PIECE : chunk, { ...ways, signal: both });
  } catch (error) {
    connection.call("upload_drop", { upload }, undefined).catch(() => {});
    throw error;
  }
  for (const one of documents) if ("offset" in one) one["upload"] = upload;
  return upload;
}

/**
 * Stop a batch and let its results go, so that the agent keeps nothing of it.
 *
 * @param {Connection} connection
 * @param {string} batch
 * @param {number} after
 */
async function abandon(connection, batch, after) {
  try {
    await connection.call("batch_stop", { batch }, undefined);
    for (let isOver = false; !isOver;) {
      ({ next: after, done: isOver } = await connection.call("batch_next", { batch, after }, undefined));
    }
  } catch {} // it ended before anything was signed, or with the connection
}

/**
 * The same for a document that is too large for a message: it is handed over first, and an attached signature is taken
 * back, piece by piece.
 *
 * @param {Types.PeroDocument} document
 * @param {Types.SignOptions} options
 * @returns {Promise<Types.Signature>}
 */
async function signLarge({ name, content, mediaType }, options) {
  const { certificate, digestAlgorithm, signal } = options;
  const connection = await connected(signal);
  const blob = content instanceof Blob ? content : new Blob([/** @type {BlobPart} */ (content)]);
  const chosen = { certificate: thumbprintOf(certificate) };
  const begun = defined({ name, size: blob.size, media_type: mediaType, ...chosen, digest_algorithm: digestAlgorithm });
  const { upload, chunk } = await connection.call("upload_begin", begun, signal);
  try {
    await handOver(connection, upload, blob, connection.http ? LOOPBACK_PIECE : chunk, options);
    const parameters = { upload, ...wantedOf(options) };
    const result = await connection.call("sign", parameters, signal);
    const taken = result.download && (await takeBack(connection, result.download, result.size, chunk, options));
    return signatureOf(result, taken || null);
  } finally {
    connection.call("upload_drop", { upload }, undefined).catch(() => {}); // it ends with the connection in any case
  }
}

/**
 * @param {Connection} connection
 * @param {string} upload
 * @param {Blob} blob
 * @param {number} size of a piece
 * @param {Types.SignOptions} options
 */
async function handOver(connection, upload, blob, size, { signal, http, onProgress }) {
  if (http && connection.http) return postWhole(connection, upload, blob, signal, onProgress);
  /** @type {Promise<{ received: number }>[]} */
  const underway = [];
  const settle = async () => {
    const answer = await underway.shift();
    onProgress?.({ phase: "sending", done: answer?.received ?? 0, size: blob.size });
  };
  for (let offset = 0; offset < blob.size; offset += size) {
    const data = toBase64(new Uint8Array(await blob.slice(offset, offset + size).arrayBuffer()));
    const piece = connection.call("upload_chunk", { upload, offset, data }, signal);
    piece.catch(() => {}); // the first one that fails is told; those behind it fail with it
    underway.push(piece);
    if (underway.length >= AHEAD) await settle();
  }
  while (underway.length > 0) await settle();
}

/**
 * One request in place of many messages.
 *
 * @param {Connection} connection
 * @param {string} upload
 * @param {Blob} blob
 * @param {AbortSignal | undefined} signal
 * @param {Types.SignOptions["onProgress"]} onProgress
 * @returns {Promise<void>}
 */
async function postWhole(connection, upload, blob, signal, onProgress) {
  const { path } = await connection.call("upload_ticket", { upload }, signal);
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest(); // fetch does not say how much of a body was sent
    const abort = () => request.abort();
    request.open("POST", connection.http + path);
    request.upload.onprogress = ({ loaded }) => onProgress?.({ phase: "sending", done: loaded, size: blob.size });
    request.onload = () => (request.status === 200 ? resolve() : reject(errorOf("connection_lost")));
    request.onerror = () => reject(errorOf("unreachable"));
    request.onabort = () => reject(signal?.reason);
    request.onloadend = () => signal?.removeEventListener("abort", abort);
    signal?.addEventListener("abort", abort);
    request.send(blob);
  });
}

/**
 * A blob lies with the browser, on disk where it is large; the page holds one piece at a time.
 *
 * @param {Connection} connection
 * @param {string} download
 * @param {number} size
 * @param {number} length of a piece
 * @param {Types.SignOptions} options
 * @returns {Promise<Blob>}
 */
async function takeBack(connection, download, size, length, { signal, http, onProgress }) {
  if (http && connection.http) return getWhole(connection, download, signal);
  const parts = [];
  for (let offset = 0; offset < size;) {
    const { data } = await connection.call("download_chunk", { download, offset, length }, signal);
    const piece = new Blob([fromBase64(data)]);
    parts.push(piece);
    offset += piece.size;
    onProgress?.({ phase: "receiving", done: offset, size });
  }
  return new Blob(parts, { type: "application/pkcs7-mime" });
}

/**
 * @param {Connection} connection
 * @param {string} download
 * @param {AbortSignal | undefined} signal
 */
async function getWhole(connection, download, signal) {
  const { path } = await connection.call("upload_ticket", { upload: download, to: "download" }, signal);
  try {
    const response = await fetch(connection.http + path, { signal: signal ?? null });
    if (response.ok) return await response.blob();
  } catch (error) {
    signal?.throwIfAborted();
  }
  throw errorOf("connection_lost");
}

export default { configure, status, connect, selectCertificate, sign, signBatch, signIn, PeroError };

/**
 * The parameters of `sign` beside the document. An option that there is not is an error and no slip that goes unseen.
 *
 * @param {Types.SignOptions} options
 */
function wantedOf(options) {
  const { certificate, filter, attached, digestAlgorithm, signal, onProgress, http, ...kind } = options;
  const { format, level, fallback, encoding, packaging, padding, reason, withName, ...more } = kind;
  const { existing, mode, signer, pdf, xml, ...rest } = more;
  refuseOthers(rest, "option");
  const wanted = defined({ format, level, fallback, encoding, packaging, padding, reason, name: withName });
  const added = existing && { existing: toBase64(buffered(existing)) };
  const all = { ...wanted, ...defined({ mode, signer, pdf, xml: xmlOf(xml) }), ...added };
  return defined({
    certificate: thumbprintOf(certificate),
    filter: filterOf(filter),
    attached,
    digest_algorithm: digestAlgorithm,
    options: Object.keys(all).length > 0 ? all : undefined,
  });
}

/**
 * The parameters of `sign_batch`, and what has to be handed over before: the documents with an `offset` stand in it.
 *
 * @param {readonly (Types.PeroDocument | Types.PeroDigest | Blob)[]} documents
 * @param {Types.BatchOptions} options
 */
async function batchOf(documents, options) {
  const { existing, mode, signer } = /** @type {Types.SignOptions} */ (options);
  refuseOthers({ existing, mode, signer }, "option of a batch");
  const wanted = wantedOf(options);
  if (!Array.isArray(documents) || documents.length === 0) throw new TypeError("expected documents");
  /** @type {(Types.PeroDocument | Types.PeroDigest)[]} */
  const all = documents.map((what) => (what instanceof Blob ? documentOfFile(what) : what));
  const algorithms = new Set(all.flatMap((what) => ("content" in what ? [] : what.algorithm)));
  if (algorithms.size > 0 && options.digestAlgorithm) algorithms.add(options.digestAlgorithm);
  if (algorithms.size > 1) throw new TypeError("expected digests of one algorithm");
  /** @type {Record<string, unknown>[]} */
  const given = [];
  /** @type {Blob[]} */
  const rest = [];
  let [inside, offset] = [0, 0];
  for (const what of all) {
    const size = "content" in what ? sizeOf(what.content) * (typeof what.content === "string" ? 3 : 1) : 0; // at most
    if (!("content" in what)) given.push(digestInBatch(what));
    else if (size <= LARGE && inside + size <= TOGETHER) {
      given.push(await documentOf(what));
      inside += size;
    } else {
      const blob = new Blob([/** @type {BlobPart} */ (what.content)]);
      given.push(defined({ name: what.name, media_type: what.mediaType, offset, size: blob.size }));
      rest.push(blob);
      offset += blob.size;
    }
  }
  const [algorithm] = algorithms;
  const digest = defined({ digest_algorithm: algorithm ?? options.digestAlgorithm });
  return { parameters: { documents: given, ...wanted, ...digest }, rest: rest.length > 0 ? new Blob(rest) : null };
}

/** @param {Types.PeroDigest} digest */
function digestInBatch(digest) {
  const { name, size, value } = digestOf(digest);
  return defined({ name, size, digest: value });
}

/** @param {Types.XmlOptions | undefined} xml */
function xmlOf(xml) {
  if (!xml) return undefined;
  const { signingCertificate, ...others } = xml;
  return defined({ ...others, signing_certificate: signingCertificate });
}

/** @param {Types.Certificate | string | undefined} certificate */
function thumbprintOf(certificate) {
  return typeof certificate === "object" ? certificate.thumbprint : certificate;
}

/**
 * @param {object} rest
 * @param {string} what
 */
function refuseOthers(rest, what) {
  const [unknown] = Object.keys(defined(rest));
  if (unknown !== undefined) throw new TypeError(`unknown ${what}: ${unknown}`);
}

/**
 * @param {any} result as the agent sends it
 * @param {Blob | null} blob
 * @returns {Types.Signature}
 */
function signatureOf(result, blob) {
  const { signature, detached, format, level, encoding, media_type } = result;
  const isText = encoding !== undefined && encoding !== "der";
  const octets = blob ? null : isText ? new TextEncoder().encode(signature) : fromBase64(signature);
  return {
    signature: octets,
    base64: octets && (isText ? toBase64(octets) : signature),
    text: isText ? signature : null,
    blob,
    detached,
    format,
    level,
    mediaType: media_type,
    certificate: certificateOf(result.certificate),
  };
}

/** @param {Types.PeroDocument} document */
async function documentOf({ name, content, mediaType }) {
  return defined({ content: toBase64(await bytesOf(content)), name, media_type: mediaType });
}

/**
 * @param {Blob} file
 * @returns {Types.PeroDocument}
 */
function documentOfFile(file) {
  const name = file instanceof File ? file.name : "";
  return file.type ? { name, content: file, mediaType: file.type } : { name, content: file };
}

/**
 * @param {Types.PeroDocument["content"]} content
 * @returns {number} bytes; of a text not more than it has
 */
function sizeOf(content) {
  if (typeof content === "string") return content.length;
  return content instanceof Blob ? content.size : buffered(content).byteLength;
}

/** @param {Types.PeroDigest} digest */
function digestOf({ name, algorithm, value, size }) {
  return defined({ value: toBase64(buffered(value)), algorithm, name, size });
}

/** @param {Types.Filter | undefined} filter */
function filterOf(filter) {
  if (!filter) return undefined;
  const { thumbprints, issuer, subject, serial, keyTypes, keySizes, keyUsage, purposes, policies, ...more } = filter;
  const { validAt, validDays, inn, innLe, ogrn, ogrnip, snils, qualified, ...rest } = more;
  refuseOthers(rest, "field of the filter"); // dropped in silence, it would let other certificates in
  return defined({
    ...{ thumbprints, issuer, subject, serial, purposes, policies, inn, ogrn, ogrnip, snils, qualified },
    key_types: keyTypes,
    key_sizes: keySizes,
    key_usage: keyUsage,
    valid_at: validAt?.toISOString(),
    valid_days: validDays,
    inn_le: innLe,
  });
}

/**
 * @param {any} certificate as the agent sends it
 * @returns {Types.Certificate}
 */
function certificateOf({ thumbprint, certificate, subject, issuer, serial, not_before, not_after, key, chain }) {
  return {
    thumbprint,
    der: fromBase64(certificate),
    subject,
    issuer,
    serial,
    notBefore: new Date(not_before),
    notAfter: new Date(not_after),
    key,
    chain: chain.map(fromBase64),
  };
}

/**
 * Without the fields that are undefined.
 *
 * @param {object} value
 */
function defined(value) {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined));
}

/**
 * @param {Types.PeroDocument["content"]} content
 * @returns {Promise<Uint8Array>}
 */
async function bytesOf(content) {
  if (typeof content === "string") return new TextEncoder().encode(content);
  if (content instanceof Blob) return new Uint8Array(await content.arrayBuffer());
  return buffered(content);
}

/** @param {Uint8Array | ArrayBuffer} value */
function buffered(value) {
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  throw new TypeError("expected bytes");
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
