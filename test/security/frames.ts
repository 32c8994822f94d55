import * as fc from "fast-check";
import type { Json } from "../stage.ts";
import { ANY_JSON, mutated, WILD_TEXT } from "./values.ts";

/** What devices say: JSON-RPC 2.0 messages, good and bad, about their own commands and others'. */

const COMMAND_ID = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.constantFrom(
      "{{command:latest}}",
      "{{command:sent}}",
      "{{command:executing}}",
      "{{command:custom}}",
      "{{command:completed}}",
      "{{command:waiting}}",
      "{{command:cancelling}}",
      "{{command:foreign}}",
    ),
  },
  { weight: 1, arbitrary: WILD_TEXT },
);
const REQUEST_ID: fc.Arbitrary<Json> = fc.oneof(
  fc.constantFrom(1, 0.5, null, "mine", -1, 2 ** 60),
  WILD_TEXT,
);

const report = fc.oneof(
  COMMAND_ID.map((id) => ({ method: "executing", params: { id } })),
  fc
    .tuple(
      COMMAND_ID,
      fc.record(
        {
          message: fc.oneof(WILD_TEXT, fc.constant(null)),
          percent: fc.oneof(fc.double({ min: 0, max: 100, noNaN: true }), fc.constantFrom(null, -0, -1, 101)),
        },
        { requiredKeys: [] },
      ),
    )
    .map(([id, said]) => ({ method: "progress", params: { id, ...said } })),
  fc
    .tuple(COMMAND_ID, fc.oneof(WILD_TEXT, fc.constant(null)))
    .map(([id, reason]) => ({ method: "dropped", params: { id, reason } })),
  fc.tuple(COMMAND_ID, ANY_JSON).map(([id, result]) => ({ id, result })),
  fc
    .tuple(COMMAND_ID, fc.constantFrom(-32800, -32601, -1, 7.5), WILD_TEXT, ANY_JSON)
    .map(([id, code, message, data]) => ({ id, error: { code, message, data } })),
);

const call = fc.oneof(
  fc.constantFrom<Json>(
    { method: "presence", params: { state: "active" } },
    { method: "presence", params: { state: "standby" } },
    { method: "presence", params: { state: "gone" } },
    { method: "ping" },
    { id: "ping", result: null },
    { method: "late", params: {} },
    { method: "__proto__" },
    { method: 1 },
    {},
  ),
  REQUEST_ID.map((id) => ({ id, method: "ping" })),
  fc.tuple(REQUEST_ID, WILD_TEXT, ANY_JSON).map(([id, method, params]) => ({ id, method, params })),
);

const message = fc
  .oneof({ weight: 2, arbitrary: report }, { weight: 1, arbitrary: call })
  .map((said) => ({ jsonrpc: "2.0", ...said }));

/** A message as a device sends it, a batch of them, or something like it. */
export const FRAME: fc.Arbitrary<Json> = fc.oneof(
  { weight: 6, arbitrary: message },
  { weight: 2, arbitrary: fc.array(fc.oneof(message, ANY_JSON), { maxLength: 4 }) },
  {
    weight: 1,
    arbitrary: fc.constant(Array.from({ length: 101 }, () => ({ jsonrpc: "2.0", method: "ping" }))),
  },
  { weight: 2, arbitrary: message.chain(mutated) },
);
