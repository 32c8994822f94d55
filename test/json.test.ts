import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DepthGauge, depthOf, readJson, utf8Length } from "../src/json.ts";

/** Reading JSON under bounds. fast-check prints the seed of a property that fails. */

const encoder = new TextEncoder();
const NO_BOUNDS = { bytesMax: 1e9, depthMax: 1e9 };

/** JSON values whose texts are full of what a gauge could stumble over. */
const values = fc.jsonValue({
  maxDepth: 6,
  stringUnit: fc.constantFrom(
    "[",
    "]",
    "{",
    "}",
    '"',
    "\\",
    ",",
    ":",
    "a",
    "é",
    "€",
    "😀",
    "\ud800",
    "\n",
    "\u0000",
  ),
});
/** The same as texts, compact or with white space. */
const texts = fc
  .tuple(values, fc.constantFrom("", " ", "\t"))
  .map(([value, space]) => JSON.stringify(value, null, space));
/** The sizes of chunks, repeated until the text ends. */
const sizes = fc
  .array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 8 })
  .filter((list) => list.some(Boolean));

function chunksOf(bytes: Uint8Array, lengths: number[]): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (let from = 0, index = 0; from < bytes.length; index++) {
    const to = from + (lengths[index % lengths.length] ?? 1);
    chunks.push(bytes.subarray(from, to));
    from = to;
  }
  return chunks;
}

function streamOf(chunks: Uint8Array[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start: (controller) => {
      for (const chunk of chunks) controller.enqueue(chunk);
      controller.close();
    },
  });
}

describe("the gauge", () => {
  test("finds the depth of any text, in whatever chunks it comes", () => {
    fc.assert(
      fc.property(texts, sizes, (text, lengths) => {
        const gauge = new DepthGauge();
        const levels = chunksOf(encoder.encode(text), lengths).map((chunk) => gauge.deepestIn(chunk));
        expect(Math.max(0, ...levels)).toBe(depthOf(JSON.parse(text), 1_000));
      }),
      { numRuns: 500 },
    );
  });

  test.each([
    ["1", 0],
    ["[]", 1],
    ['{"a":[{}]}', 3],
    ['["[[[["]', 1],
    ['["\\"[[",[]]', 2],
    ['["\\\\",[[]]]', 3],
    ['["\\u005b[",[]]', 2],
  ])("%s goes %i deep", (text, depth) => {
    expect(new DepthGauge().deepestIn(encoder.encode(text))).toBe(depth);
    expect(depthOf(JSON.parse(text), 1_000)).toBe(depth);
  });
});

describe("the depth of a value", () => {
  test("is told exactly up to the limit, and as one more beyond it", () => {
    fc.assert(
      fc.property(values, fc.integer({ min: 0, max: 8 }), (value, limit) => {
        expect(depthOf(value, limit)).toBe(Math.min(depthOf(value, 1_000), limit + 1));
      }),
    );
  });

  test("is no danger, however deep the value", () => {
    let value: unknown = [];
    for (let level = 0; level < 1_000_000; level++) value = [value];
    expect(depthOf(value, 64)).toBe(65);
  });
});

describe("reading", () => {
  test("gives the value of any text, in whatever chunks it comes", async () => {
    await fc.assert(
      fc.asyncProperty(texts, sizes, async (text, lengths) => {
        const read = await readJson(streamOf(chunksOf(encoder.encode(text), lengths)), NO_BOUNDS);
        expect(read).toEqual({ ok: true, value: JSON.parse(text) });
      }),
    );
  });

  test("keeps to both bounds, to the byte and to the level", async () => {
    await fc.assert(
      fc.asyncProperty(texts, sizes, async (text, lengths) => {
        const bytesMax = encoder.encode(text).length;
        const depthMax = depthOf(JSON.parse(text), 1_000);
        const read = async (bounds: { bytesMax: number; depthMax: number }): Promise<unknown> => {
          const answer = await readJson(streamOf(chunksOf(encoder.encode(text), lengths)), bounds);
          return answer.ok || answer.reason;
        };
        expect(await read({ bytesMax, depthMax })).toBe(true);
        expect(await read({ bytesMax: bytesMax - 1, depthMax })).toBe("tooLarge");
        if (depthMax > 0) expect(await read({ bytesMax, depthMax: depthMax - 1 })).toBe("tooDeep");
      }),
    );
  });

  test("says of any bytes what is wrong with them, as the platform's own parser does", async () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 24 }),
      texts.map((text) => encoder.encode(`${text},`)),
      fc.tuple(texts, fc.nat()).map(([text, at]) => encoder.encode(text).slice(0, at % (text.length + 1))),
    );
    await fc.assert(
      fc.asyncProperty(bytes, sizes, async (input, lengths) => {
        const answer = await readJson(streamOf(chunksOf(input, lengths)), NO_BOUNDS);
        expect(answer).toEqual(expected(input));
      }),
      { numRuns: 500 },
    );

    function expected(input: Uint8Array): unknown {
      let text: string;
      try {
        text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(input);
      } catch {
        return { ok: false, reason: "notUtf8" };
      }
      try {
        return { ok: true, value: JSON.parse(text) };
      } catch {
        return { ok: false, reason: "malformed" };
      }
    }
  });

  test.each([
    ["size", " ".repeat(100), { bytesMax: 1_000, depthMax: 64 }, "tooLarge", 11],
    ["depth", "[".repeat(10), { bytesMax: 1_000, depthMax: 64 }, "tooDeep", 7],
  ])(
    "stops at the first chunk over the bound of %s, and lets the sender know",
    async (_, chunk, bounds, reason, chunks) => {
      let pulls = 0;
      let cancelled = false;
      const stream = new ReadableStream<Uint8Array>(
        {
          pull: (controller) => {
            pulls++;
            controller.enqueue(encoder.encode(chunk));
          },
          cancel: () => {
            cancelled = true;
          },
        },
        { highWaterMark: 0 },
      );
      expect(await readJson(stream, bounds)).toEqual({ ok: false, reason });
      expect([pulls, cancelled]).toEqual([chunks, true]);
    },
  );

  test("finds nothing where there is nothing", async () => {
    expect(await readJson(null, NO_BOUNDS)).toEqual({ ok: false, reason: "malformed" });
    expect(await readJson(streamOf([]), NO_BOUNDS)).toEqual({ ok: false, reason: "malformed" });
  });
});

test.each([
  ["", 0],
  ["a", 1],
  ["é", 2],
  ["€", 3],
  ["😀", 4],
  ["\ud800", 3],
])("%j has %i bytes", (text, bytes) => {
  expect(utf8Length(text)).toBe(bytes);
});
