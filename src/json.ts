/** JSON under bounds: depth and size are checked before anything recurses over a value. */

const encoder = new TextEncoder();

/** Bytes of a text in UTF-8. */
export function utf8Length(text: string): number {
  return encoder.encode(text).length;
}

/**
 * Levels of nesting of a parsed JSON value: 0 for a scalar, 1 for a flat object or array.
 * Stops counting at `limit` + 1, so that its own recursion is bounded.
 */
export function depthOf(value: unknown, limit: number): number {
  if (typeof value !== "object" || value === null) return 0;
  if (limit <= 0) return 1;
  let deepest = 0;
  for (const member of Object.values(value)) {
    deepest = Math.max(deepest, depthOf(member, limit - 1));
    if (deepest >= limit) break;
  }
  return deepest + 1;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPENERS = new Set([0x5b, 0x7b]);
const CLOSERS = new Set([0x5d, 0x7d]);

/**
 * Follows the nesting of JSON text as its bytes arrive, in whatever chunks, without parsing it.
 * UTF-8's continuation bytes are never ASCII, so bytes suffice.
 */
export class DepthGauge {
  #depth = 0;
  #inString = false;
  #escaped = false;

  /** The deepest level that this chunk reaches. */
  deepestIn(chunk: Uint8Array): number {
    let deepest = this.#depth;
    for (const byte of chunk) {
      if (this.#escaped) this.#escaped = false;
      else if (this.#inString) {
        if (byte === BACKSLASH) this.#escaped = true;
        else if (byte === QUOTE) this.#inString = false;
      } else if (byte === QUOTE) this.#inString = true;
      else if (OPENERS.has(byte)) deepest = Math.max(deepest, ++this.#depth);
      else if (CLOSERS.has(byte)) this.#depth--;
    }
    return deepest;
  }
}

/** Why a text could not be read. */
export type TextRefusal = "tooLarge" | "tooDeep" | "notUtf8";
/** Why a body could not be read as JSON. */
export type JsonRefusal = TextRefusal | "malformed";

/** Bounds on what is read: bytes, and levels of nesting where the text is JSON and they matter. */
export interface Bounds {
  bytesMax: number;
  depthMax?: number;
}

/** Bytes below which a body whose length is known is read in one go: most are, and a stream takes longer. */
const AT_ONCE_BYTES_MAX = 64 * 1024;

/** Reads a request's body as UTF-8 JSON under bounds. One without a body is malformed. */
export async function readJsonOf(
  request: Request,
  bounds: Bounds,
): Promise<{ ok: true; value: unknown } | { ok: false; reason: JsonRefusal }> {
  const length = Number(request.headers.get("Content-Length") ?? Number.NaN);
  // The runtime gives no more of a body than it was said to have (RFC 9112, 6.3).
  if (!(length <= Math.min(AT_ONCE_BYTES_MAX, bounds.bytesMax))) return await readJson(request.body, bounds);
  const bytes = new Uint8Array(await request.arrayBuffer());
  return await readJson([bytes], bounds);
}

/** Reads a stream as UTF-8 text, and stops reading at the first byte over a bound. */
export async function readText(
  stream: AsyncIterable<Uint8Array> | Iterable<Uint8Array> | null,
  { bytesMax, depthMax = Number.POSITIVE_INFINITY }: Bounds,
): Promise<{ ok: true; text: string } | { ok: false; reason: TextRefusal }> {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });
  const gauge = depthMax < Number.POSITIVE_INFINITY ? new DepthGauge() : null;
  let bytes = 0;
  let text = "";
  // Leaving the loop early cancels the stream: what is over the bound is never read.
  for await (const chunk of stream ?? []) {
    bytes += chunk.byteLength;
    if (bytes > bytesMax) return { ok: false, reason: "tooLarge" };
    if (gauge !== null && gauge.deepestIn(chunk) > depthMax) return { ok: false, reason: "tooDeep" };
    const piece = decoded(decoder, chunk);
    if (piece === null) return { ok: false, reason: "notUtf8" };
    text += piece;
  }
  const rest = decoded(decoder);
  return rest === null ? { ok: false, reason: "notUtf8" } : { ok: true, text: text + rest };
}

/** The text of a chunk, or of what was left over at the end; null where it is not UTF-8. */
function decoded(decoder: TextDecoder, chunk?: Uint8Array): string | null {
  try {
    return chunk === undefined ? decoder.decode() : decoder.decode(chunk, { stream: true });
  } catch {
    return null;
  }
}

/** Reads a stream as UTF-8 JSON (RFC 8259) under bounds. An empty stream is malformed. */
export async function readJson(
  stream: AsyncIterable<Uint8Array> | Iterable<Uint8Array> | null,
  bounds: Bounds,
): Promise<{ ok: true; value: unknown } | { ok: false; reason: JsonRefusal }> {
  const read = await readText(stream, bounds);
  if (!read.ok) return read;
  try {
    return { ok: true, value: JSON.parse(read.text) };
  } catch {
    return { ok: false, reason: "malformed" };
  }
}
