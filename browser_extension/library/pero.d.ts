/**
 * Pero for web pages: signatures from the person's token, smart card or key file, each with the person's consent.
 *
 * Every function rejects with a `PeroError`, with the reason of the `signal` (an AbortError by default), or with a
 * `TypeError` where an argument has the wrong shape.
 */

/**
 * What can go wrong, by name. `actor` of the error says who can do something; `retriable`, whether the same call may
 * succeed later.
 *
 * | code | number | what happened | actor |
 * |---|---|---|---|
 * | bad_request | -32600 | a message was malformed | page |
 * | unknown_method | -32601 | this Pero has no such method for pages | page |
 * | bad_parameters | -32602 | a parameter does not fit | page |
 * | internal | -32603 | a fault of Pero itself | nobody |
 * | not_allowed | 1001 | the person has not allowed this site: call `connect` | page |
 * | refused | 1002 | the person said no | person |
 * | window_closed | 1003 | Pero's window went away without an answer | person |
 * | expired | 1004 | the window was left alone for too long | person |
 * | cancelled | 1005 | the request was taken back | page |
 * | busy | 1006 | too many requests of this site wait | page |
 * | stopping | 1007 | Pero is being stopped | nobody |
 * | window_unavailable | 1008 | no window can be shown on that machine | administrator |
 * | message_too_large | 1009 | the message is over the limit (`facts.limit`, bytes) | page |
 * | frame_refused | 1010 | the page is inside a frame | page |
 * | origin_refused | 1012 | not https and not this machine | page |
 * | signing_paused | 1013 | the person paused signing on that machine | person |
 * | right_missing | 1014 | that machine's administrator did not give its user the right to do this | administrator |
 * | token_absent | 2001 | the token is not there | person |
 * | pin_incorrect, pin_locked, pin_cancelled, pin_not_set, pin_length | 2002-2005, 2015 | the PIN | person |
 * | worker_died, worker_hung, module_unloadable, token_failed | 2006-2009 | the token or its driver failed | administrator |
 * | key_absent | 2010 | there is a certificate without its key | person |
 * | module_forbidden | 2016 | policy does not allow the token's driver | administrator |
 * | key_foreign | 2017 | the key is in another product's container on the token | person |
 * | pin_invalid | 2018 | the PIN has expired; it has to be changed | person |
 * | signature_wrong | 2013 | the token's signature does not verify; it was not let out | administrator |
 * | mechanism_unsupported | 2014 | the token cannot do this algorithm | person |
 * | no_certificate | 3001 | no certificate fits | person |
 * | certificate_unknown, certificate_unusable | 3002, 3003 | the certificate asked for | person |
 * | digest_length, algorithm_unsupported, document_too_large | 3004-3006 | what was to be signed | page |
 * | signature_damaged | 3007 | the signature to which another is to be added cannot be read | person |
 * | digest_too_slow | 3011 | no quick library for GOST digests, and the document is large | administrator |
 * | timestamp_unconfigured, timestamp_unavailable, timestamp_wrong | 3012-3014 | no time-stamp, so no level "t" | person, administrator |
 * | certificate_revoked | 3015 | a certificate of the signature was revoked | person |
 * | revocation_unavailable, revocation_unaddressed, issuer_unavailable | 3016-3018 | no level "lt"; `facts.possible_level` | person, administrator |
 * | upload_unknown | 3020 | the document that was handed over is no longer there: hand it over again | page |
 * | content_differs | 3021 | the document is not the one under the existing signature | page |
 * | signer_unknown | 3022 | no such signer in the existing signature | page |
 * | existing_unsupported | 3023 | nothing can be added to the existing signature | page |
 * | document_damaged, document_encrypted | 3024, 3025 | the PDF or XML cannot be signed as it is | person |
 * | document_locked | 3026 | an earlier signature in the PDF forbids another one | person |
 * | document_too_complex | 3027 | reading the document takes too much time or memory | person |
 * | form_unsupported | 3028 | the PDF is an XFA form | person |
 * | field_unusable | 3029 | the named field of the PDF cannot take the signature | page |
 * | font_absent | 3030 | no font for the visible mark | administrator |
 * | xml_unsafe | 3031 | the XML has a document type, XInclude, or the like | page |
 * | element_unclear | 3032 | the element to be signed is not there, or there more than once | page |
 * | signature_would_break | 3033 | a signature in the XML would not verify any more | person |
 * | journal_unwritable | 4001 | the journal cannot be written, so nothing is signed | administrator |
 * | state_unsafe | 4003 | a folder of Pero is open to others | administrator |
 * | file_changed | 4010 | the document handed over was damaged on that machine's disk before it came back | person |
 * | storage_full | 4011 | no room on that machine for so large a document | person |
 * | not_running | 4009 | Pero is installed and does not run | person |
 * | not_installed | 5001 | the extension is not in this browser | person |
 * | host_missing, host_forbidden | 5002, 5003 | the browser does not find or allow Pero's program: `pero setup` | administrator |
 * | host_exited | 5004 | Pero's program ended; `facts.detail` is the browser's reason | administrator |
 * | unreachable | 5005 | loopback: blocked by the browser, or nobody listens | person |
 * | connection_lost | 5006 | the way broke while the request was in flight: it may or may not have been done | page |
 *
 * Codes are only ever added: treat one you do not know by its `actor`.
 */
export type ErrorCode =
  | "bad_request" | "unknown_method" | "bad_parameters" | "internal"
  | "not_allowed" | "refused" | "window_closed" | "expired" | "cancelled" | "busy" | "stopping" | "window_unavailable"
  | "message_too_large" | "frame_refused" | "origin_refused" | "signing_paused" | "right_missing"
  | "token_absent" | "pin_incorrect" | "pin_locked" | "pin_cancelled" | "pin_not_set" | "pin_length"
  | "pin_invalid"
  | "worker_died" | "worker_hung" | "module_unloadable" | "token_failed" | "key_absent"
  | "module_forbidden" | "key_foreign"
  | "signature_wrong" | "mechanism_unsupported"
  | "no_certificate" | "certificate_unknown" | "certificate_unusable"
  | "digest_length" | "algorithm_unsupported" | "document_too_large" | "digest_too_slow"
  | "timestamp_unconfigured" | "timestamp_unavailable" | "timestamp_wrong"
  | "certificate_revoked" | "revocation_unavailable" | "revocation_unaddressed" | "issuer_unavailable"
  | "signature_damaged" | "content_differs" | "signer_unknown" | "existing_unsupported"
  | "upload_unknown" | "file_changed" | "storage_full"
  | "document_damaged" | "document_encrypted" | "document_locked" | "document_too_complex"
  | "form_unsupported" | "field_unusable" | "font_absent"
  | "xml_unsafe" | "element_unclear" | "signature_would_break"
  | "journal_unwritable" | "state_unsafe" | "not_running"
  | "not_installed" | "host_missing" | "host_forbidden" | "host_exited" | "unreachable" | "connection_lost"
  | (string & {});

export class PeroError extends Error {
  readonly name: string; // "PeroError"
  readonly code: ErrorCode;
  readonly number: number;
  readonly actor: "person" | "page" | "administrator" | "nobody";
  readonly retriable: boolean;
  /** Values that belong to the error; never secrets. */
  readonly facts: Readonly<Record<string, unknown>>;
  /** What to do, in the person's language; may be empty. `message` says what happened. */
  readonly advice: string;
  /** The row of `pero diagnose` on that machine that explains the error ("pcsc.service"), for whoever helps; may be empty. */
  readonly finding: string;
}

/** `extension`: the browser extension. `loopback`: a WebSocket to 127.0.0.1, which browsers may ask about or block. */
export type Transport = "extension" | "loopback";

export interface Configuration {
  /**
   * The ways that may be tried, in this order; the default is `["extension"]`. The next one is tried only where the
   * extension is not installed, never after another error. Take `"loopback"` in only where you must: the program that
   * answers there cannot be told from another one that took the port first.
   */
  transports: readonly Transport[];
}

export interface CallOptions {
  /** Takes the request back: the promise rejects with the signal's reason, and Pero closes its window. */
  signal?: AbortSignal | undefined;
}

/** Whether a signature can be asked for: `"ready"`, or the code of the error that is in the way. */
export interface Status {
  state: "ready" | ErrorCode;
  /** The way that answered; null where none did. */
  transport: Transport | null;
  version?: string;
  protocol?: number;
  error?: PeroError;
}

export interface Permission {
  allowed: boolean;
  /** Whether the person wants to be asked no more whether this site may ask. */
  remembered: boolean;
}

export interface Filter {
  /** SHA-256 of certificates, lower-case hex. */
  thumbprints?: readonly string[];
  /** Part of the issuer's name (RFC 4514), in any case. */
  issuer?: string;
  /** Part of the owner's name (RFC 4514), in any case. */
  subject?: string;
  /** Serial number, hex. */
  serial?: string;
  keyTypes?: readonly ("rsa" | "ec" | "gost256" | "gost512")[];
  /** In bits. */
  keySizes?: readonly number[];
  /** All of these (RFC 5280 section 4.2.1.3). */
  keyUsage?: readonly (
    | "digital_signature" | "non_repudiation" | "key_encipherment" | "data_encipherment" | "key_agreement"
    | "key_cert_sign" | "crl_sign" | "encipher_only" | "decipher_only"
  )[];
  /** All of these OIDs of extended key usage. */
  purposes?: readonly string[];
  /** One of these OIDs of certificate policies. */
  policies?: readonly string[];
  validAt?: Date;
  /** Valid from now for so many days, its key's period too. */
  validDays?: number;
  /** 12 digits: of a person. 10 digits: of an organisation, however the certificate writes it. */
  inn?: string;
  /** Of an organisation, 10 digits. */
  innLe?: string;
  /** 13 digits. */
  ogrn?: string;
  /** 15 digits. */
  ogrnip?: string;
  /** 11 digits. */
  snils?: string;
  /** `true`: formed as a Russian qualified certificate. Whether its issuer is accredited is for the site to check. */
  qualified?: boolean;
}

export interface Certificate {
  /** SHA-256 of the certificate, lower-case hex. */
  thumbprint: string;
  /** The certificate, DER. */
  der: Uint8Array<ArrayBuffer>;
  /** RFC 4514. */
  subject: string;
  /** RFC 4514. */
  issuer: string;
  /** Hex. */
  serial: string;
  notBefore: Date;
  notAfter: Date;
  /** Such as "RSA 2048", "P-256". */
  key: string;
  /** Certificates of authorities that are known, DER, without the root where it is not. */
  chain: Uint8Array<ArrayBuffer>[];
}

export interface PeroDocument {
  /** Shown to the person. */
  name: string;
  /** A string is signed as its UTF-8. */
  content: Uint8Array | ArrayBuffer | Blob | string;
  mediaType?: string;
}

/** The digest of a document that stays with the page. The person is told that its content cannot be shown. */
export interface PeroDigest {
  name: string;
  algorithm: "sha256" | "sha384" | "sha512" | "streebog256" | "streebog512";
  value: Uint8Array | ArrayBuffer;
  /** Of the document, in bytes. */
  size?: number;
}

/** A mark on a page of the PDF; points (1/72 inch) from the page's lower left corner. */
export interface VisibleSignature {
  x: number;
  y: number;
  width: number;
  height: number;
  /** From 1, which is the default. */
  page?: number;
  /** Without it, what GOST R 7.0.97-2016 wants: owner, certificate, its validity. */
  text?: string;
}

export interface PdfOptions {
  visible?: VisibleSignature;
  location?: string;
  contact?: string;
  /** Name of an empty signature field, or of a new one. */
  field?: string;
}

export interface XmlOptions {
  /** Id of the element that is signed; without it, the whole document. */
  id?: string;
  /** Enveloped: the element whose last child the signature becomes, by Id or {namespace}name. */
  place?: string;
  /** `"smev"`: the transform urn://smev-gov-ru/xmldsig/transform. */
  transform?: "smev";
  canonical?: "exclusive" | "exclusive_with_comments" | "inclusive" | "inclusive_with_comments";
  /** Enveloping: `"octets"` puts any document in, as base64. */
  content?: "xml" | "octets";
  /** XAdES: `"v1"` for receivers of ETSI TS 101 903. */
  signingCertificate?: "v2" | "v1";
}

export type Format = "cades" | "cms" | "pades" | "xmldsig" | "xades";
/** Of ETSI's baseline profiles: B-B; B-T with a time-stamp; B-LT with what a verifier needs later. */
export type Level = "b" | "t" | "lt";

/** An option, or a field of the filter, that there is not is a `TypeError`. */
export interface SignOptions extends CallOptions {
  /** `cades` (default) and `cms` sign anything, `pades` a PDF, `xmldsig` and `xades` XML. */
  format?: Format;
  /**
   * Not for `cms`, `xmldsig`. Default: `"b"`. Where it cannot be given, `facts.possible_level` of the error is the level
   * that may be asked for instead.
   */
  level?: Level;
  /** Take a lower level where the signature was made and its level cannot be given; `level` of the result says which. */
  fallback?: boolean;
  /** Of CMS; default `"der"`. The others are text: see `text` of the result. */
  encoding?: "der" | "pem" | "base64" | "base64_lines";
  /** Of XML; default `"enveloped"`. */
  packaging?: "enveloped" | "enveloping" | "detached";
  /** Of RSA keys; with `"pss"` other keys are not offered. Default `"pkcs1"`. */
  padding?: "pkcs1" | "pss";
  /** In words; it stands in a signature of `cades`, `pades`. */
  reason?: string;
  /** Whether the document's name stands in the signature, of `cades`. */
  withName?: boolean;
  /** A CMS signature of the same document that gets one more, as `mode` says. */
  existing?: Uint8Array | ArrayBuffer;
  /** `co_sign` signs the same content; `counter_sign` signs the signature number `signer` of `existing`. */
  mode?: "co_sign" | "counter_sign";
  /** From 0; without it the only one. */
  signer?: number;
  pdf?: PdfOptions;
  xml?: XmlOptions;
  /** The certificate to sign with, or its thumbprint; without it the person chooses. */
  certificate?: Certificate | string;
  /** Which certificates the person may choose from. */
  filter?: Filter;
  /** Whether the document is put into the signature; not with a digest. Default: false. */
  attached?: boolean;
  digestAlgorithm?: "sha256" | "sha384" | "sha512" | "streebog256" | "streebog512";
  /** Told how far a large document is on its way to Pero, and its signature on the way back. */
  onProgress?: ((progress: Progress) => void) | undefined;
  /**
   * Over loopback, send a large document in one HTTP request in place of many messages: quicker. The page's
   * Content-Security-Policy has to allow `connect-src http://127.0.0.1:*`. Elsewhere it changes nothing.
   */
  http?: boolean | undefined;
}

/** Of a document of more than 8 MiB. */
export interface Progress {
  phase: "sending" | "receiving";
  /** Bytes. */
  done: number;
  /** Bytes. */
  size: number;
}

export interface Signature {
  /** What was made: CMS (RFC 5652, the DER of a ContentInfo, or the ASCII of `text`), a PDF, XML. Null where it is
   * `blob`. */
  signature: Uint8Array<ArrayBuffer> | null;
  /** The same in base64. Null where it is `blob`. */
  base64: string | null;
  /** The same, where a document of more than 8 MiB is inside. Else null. */
  blob: Blob | null;
  /** The signature where `encoding` is a text. Else null. */
  text: string | null;
  detached: boolean;
  format: Format;
  /** The level that was reached. */
  level: Level;
  mediaType: string;
  certificate: Certificate;
}

/** Choose the ways to Pero. Calls that were made already go on as they are. */
export function configure(configuration: Configuration): void;

/** Whether Pero is there and this site is allowed. Asks the person nothing. Rejects only where the signal says so. */
export function status(options?: CallOptions): Promise<Status>;

/** Ask the person to allow this site. Once allowed, it answers at once. */
export function connect(options?: CallOptions): Promise<Permission>;

/** Let the person choose a certificate. */
export function selectCertificate(filter?: Filter, options?: CallOptions): Promise<Certificate>;

/**
 * Let the person sign a document, or the digest of one. Documents may be of any size, best as a `File` or `Blob`: what is
 * larger than 8 MiB is handed over in pieces, and never held in memory whole.
 */
export function sign(what: PeroDocument | PeroDigest | Blob, options?: SignOptions): Promise<Signature>;

/** Those of `sign` that go with many documents, for all of them. */
export type BatchOptions = Omit<SignOptions, "existing" | "mode" | "signer">;

/** What became of document number `index`, from 0: its signature, or why there is none. */
export type BatchResult =
  | (Signature & { index: number; error?: undefined })
  | {
    index: number;
    /**
     * `refused`: the person struck it out; `cancelled`: stopped before it was signed. `token_absent`,
     * `timestamp_unavailable` and such: the person gave up then; it can be asked for anew.
     */
    error: PeroError;
  };

export interface BatchResults extends AsyncIterableIterator<BatchResult, void, undefined> {
  /** Stops the batch; what comes after is let go. `break` in a `for await` calls it. */
  return(): Promise<IteratorResult<BatchResult, void>>;
}

/**
 * Let the person sign up to 2,000 documents, or digests of one algorithm, with one confirmation and one login. What
 * is too much for one message is handed over before (`http` and `onProgress` as with `sign`); documents that are held
 * whole (attached, PDF, XML) may have 32 MiB each and 128 MiB together. The results come as they are made, and not in
 * order:
 *
 *     for await (const { index, signature, error } of signBatch(documents)) ...
 *
 * Nobody is asked before the first result is waited for. When `signal` aborts, no more is signed: what was signed by
 * then still comes, the others are `cancelled`, and at the end the iterator rejects with the signal's reason. It rejects
 * with a `PeroError` where the batch ended before anything was signed (`refused`: all of it was, or the person stopped
 * before the first signature), or the connection was lost. A page has two batches at a time, a site four.
 */
export function signBatch(
  documents: readonly (PeroDocument | PeroDigest | Blob)[],
  options?: BatchOptions,
): BatchResults;

export interface SignInOptions extends CallOptions {
  /** An address of this site that is signed in to; default: the site's origin. */
  audience?: string;
  /** The certificate to sign in with, or its thumbprint; without it the person chooses. */
  certificate?: Certificate | string;
  /** Which certificates the person may choose from. */
  filter?: Filter;
  digestAlgorithm?: "sha256" | "sha384" | "sha512" | "streebog256" | "streebog512";
}

/** The proof that the certificate's owner is there. PROTOCOL.md says what a server has to check before it believes it. */
export interface Proof {
  /** CMS SignedData in its ContentInfo, DER, of a content type that no document has. */
  signature: Uint8Array<ArrayBuffer>;
  /** The same in base64. */
  base64: string;
  /** What is in it: JSON with origin, audience, nonce and time. */
  content: Uint8Array<ArrayBuffer>;
  certificate: Certificate;
}

/** Let the person sign in: `nonce` is 16 to 512 octets that the site's server made for this one attempt. */
export function signIn(nonce: Uint8Array | ArrayBuffer, options?: SignInOptions): Promise<Proof>;

declare const pero: {
  configure: typeof configure;
  status: typeof status;
  connect: typeof connect;
  selectCertificate: typeof selectCertificate;
  sign: typeof sign;
  signBatch: typeof signBatch;
  signIn: typeof signIn;
  PeroError: typeof PeroError;
};
export default pero;
