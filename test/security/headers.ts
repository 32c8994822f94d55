import * as fc from "fast-check";
import type { DescribedOperation, Description } from "../described.ts";
import type { Json } from "../stage.ts";
import type { Plan } from "./plans.ts";
import { fitting, WILD_TEXT } from "./values.ts";

/** Headers: those that are described, and those that proxies, browsers and attackers send. */

type Headers = Plan["headers"];

const HEADER_VALUES: Record<string, readonly string[]> = {
  Prefer: ["wait=0", "wait=1", "wait=60", "respond-async, wait=2", 'wait="3"'],
  "Idempotency-Key": ["one", "one", '"one"', "two"],
  "client-request-id": ["8f1e9a52-0d7c-4a55-9d2b-0c8f0e8f7f11", "mine"],
  "Retry-Attempt": ["1", "2"],
  "Last-Event-ID": ["0", "1", "3", "999"],
  "Sec-WebSocket-Protocol": ["appia.device.v1"],
};

export function headersOf(description: Description, operation: DescribedOperation): fc.Arbitrary<Headers> {
  const named = operation.parameters.filter((parameter) => parameter.in === "header");
  const values = named.map(({ name, schema }) => {
    const known = HEADER_VALUES[name];
    const value = known ? fc.constantFrom(...known) : fitting(description, schema, name).map(String);
    return fc.option(
      value.map((text): Headers[number] => [name, text]),
      { freq: 3 },
    );
  });
  const upgrade: Headers[number] = ["Upgrade", "websocket"];
  const upgrades = operation.answers[101] === undefined ? fc.constant(null) : fc.option(fc.constant(upgrade));
  return fc.tuple(upgrades, ...values).map((chosen) => chosen.filter((header) => header !== null));
}

const WILD_HEADER: fc.Arbitrary<Headers[number]> = fc.constantFrom<Headers[number]>(
  ["If-Match", '"x"'],
  ["If-None-Match", "*"],
  ["If-Modified-Since", "Thu, 01 Jan 2037 00:00:00 GMT"],
  ["If-Unmodified-Since", "Thu, 01 Jan 1970 00:00:00 GMT"],
  ["Range", "bytes=0-1"],
  ["Range", "bytes=9999999-"],
  ["Accept-Encoding", "br;q=0, identity;q=0, zstd"],
  ["Accept-Charset", "utf-7"],
  ["Content-Encoding", "gzip"],
  ["X-HTTP-Method-Override", "DELETE"],
  ["X-Forwarded-For", "127.0.0.1"],
  ["X-Forwarded-Host", "elsewhere.example"],
  ["CF-Connecting-IP", "203.0.113.7"],
  ["CF-Connecting-IP", "no address"],
  ["Origin", "null"],
  ["Origin", "https://elsewhere.example"],
  ["Cookie", "planted=1"],
  ["Upgrade", "h2c"],
  ["Upgrade", "websocket"],
  ["Connection", "close, Authorization"],
  ["Content-Length", "5"],
  ["OData-Version", "9.9"],
  ["OData-MaxVersion", "1.0"],
  ["Prefer", "wait=-1, wait=9999999999999, return=minimal"],
);
const WILD_VALUE = fc.oneof(
  WILD_TEXT,
  fc.constantFrom(
    "{{big:257}}",
    "caf\u00e9",
    '""',
    '"',
    "wait=99999999",
    "wait=1;wait=2",
    "18446744073709551616",
  ),
);

/** The platform makes a GET of whatever asks for a WebSocket. */
export function canGo(method: string, headers: Headers): Headers {
  return method === "GET" ? headers : headers.filter(([, value]) => value !== "websocket");
}

export function wildHeaders({ parameters }: DescribedOperation): fc.Arbitrary<Headers> {
  const names = [
    "client-request-id",
    "Prefer",
    ...parameters.flatMap((one) => (one.in === "header" ? [one.name] : [])),
  ];
  const wild = fc.tuple(fc.constantFrom(...names), WILD_VALUE);
  return fc.array(fc.oneof(WILD_HEADER, wild as fc.Arbitrary<Json>), { minLength: 1, maxLength: 3 });
}
