import { base64url, exportJWK, exportSPKI, generateKeyPair, type JWK } from "jose";
import type { Json } from "../stage.ts";
import { encoded, signed, type Target, trulySigned } from "./signing.ts";

/** Tokens that nobody may be let in with, made for whoever checks them with one ES256 key. */

const encoder = new TextEncoder();
/** The order of P-256's group (SEC 2, 2.4.2). */
const ORDER = Uint8Array.from(
  "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551".match(/../g) ?? [],
  (byte) => Number.parseInt(byte, 16),
);

type Forgery = [what: string, token: string];

/** All of them. */
export async function forgeriesFor(target: Target): Promise<Forgery[]> {
  const lists = [unsigned, secretsOfPublicKeys, ownKeys, keyNames, headers, spellings, signatures];
  return (await Promise.all(lists.map((list) => list(target)))).flat();
}

async function unsigned({ kid, claims, ...target }: Target): Promise<Forgery[]> {
  const good = await trulySigned({ kid, claims, ...target }, JSON.stringify(claims));
  const signature = good.split(".")[2];
  return ["none", "None", "NONE", "nOnE", "none ", "", null].flatMap((alg) =>
    ["", "AA", signature].map((end): Forgery => {
      const words = `alg ${JSON.stringify(alg)}, with ${end?.length} letters of signature`;
      return [words, `${encoded({ alg, kid })}.${encoded(claims)}.${end}`];
    }),
  );
}

/** HMACs (RFC 7518, 3.2) whose secret is what everybody knows. */
async function secretsOfPublicKeys({ publicKey, kid, claims }: Target): Promise<Forgery[]> {
  const pem = await exportSPKI(publicKey);
  const jwk = await exportJWK(publicKey);
  const bytes = (text = ""): Uint8Array => base64url.decode(text);
  const secrets: [string, Uint8Array][] = [
    ["PEM", encoder.encode(pem)],
    ["PEM without its last line break", encoder.encode(pem.trimEnd())],
    ["JWK", encoder.encode(JSON.stringify(jwk))],
    ["JWK with its kid", encoder.encode(JSON.stringify({ ...jwk, kid }))],
    ["DER", new Uint8Array((await crypto.subtle.exportKey("spki", publicKey)) as ArrayBuffer)],
    ["raw point", new Uint8Array((await crypto.subtle.exportKey("raw", publicKey)) as ArrayBuffer)],
    ["x", bytes(jwk.x)],
    ["x and y", Uint8Array.from([...bytes(jwk.x), ...bytes(jwk.y)])],
  ];
  const algorithms = { HS256: "SHA-256", HS384: "SHA-384", HS512: "SHA-512" };
  return await Promise.all(
    secrets.flatMap(([what, secret]) =>
      Object.entries(algorithms).map(async ([alg, hash]): Promise<Forgery> => {
        const input = `${encoded({ alg, kid })}.${encoded(claims)}`;
        const key = await crypto.subtle.importKey(
          "raw",
          secret as BufferSource,
          { name: "HMAC", hash },
          false,
          ["sign"],
        );
        const mac = await crypto.subtle.sign("HMAC", key, encoder.encode(input));
        return [`${alg} with the public key's ${what}`, `${input}.${base64url.encode(new Uint8Array(mac))}`];
      }),
    ),
  );
}

/** Headers that bring a key, or say where one is (RFC 7515, 4.1.2 to 4.1.8). */
async function ownKeys({ kid, claims, elsewhere }: Target): Promise<Forgery[]> {
  const own = await generateKeyPair("ES256", { extractable: true });
  const jwk: JWK = await exportJWK(own.publicKey);
  const x5c = [btoa("a certificate"), btoa("another")];
  const bring: Json[] = [
    { jwk },
    { jwk: { ...jwk, kid } },
    { jwk: JSON.stringify(jwk) },
    { jku: elsewhere },
    { jku: elsewhere, jwk },
    { x5u: elsewhere },
    { x5c },
    { x5c, x5t: "AAAA", "x5t#S256": "AAAA" },
    { jku: elsewhere, x5u: elsewhere, x5c, jwk, iss: elsewhere },
    { crit: ["jwk"], jwk },
    { crit: ["jku"], jku: elsewhere },
  ];
  return await Promise.all(
    bring.flatMap((header) =>
      [{ kid }, { kid: "own" }, {}].map(async (name): Promise<Forgery> => {
        const all = { alg: "ES256", ...name, ...header };
        return [
          `a key of its own: ${Object.keys(all)}`,
          await signed(all, JSON.stringify(claims), own.privateKey),
        ];
      }),
    ),
  );
}

/** Names of keys that a lookup could trip over. */
async function keyNames({ kid, claims }: Target): Promise<Forgery[]> {
  const { privateKey } = await generateKeyPair("ES256");
  const names: Json[] = [
    ...[kid, kid.toUpperCase(), ` ${kid}`, `${kid}\u0000`, `${kid},other`, "", "__proto__", "constructor"],
    ...["../../../../dev/null", "/dev/null", "file:///dev/null", "https://elsewhere.test/keys", "C:\\nul"],
    ...[
      "' OR '1'='1",
      "x' UNION SELECT 'AA' --",
      "1; DROP TABLE keys",
      "| cat /etc/passwd",
      "$(id)",
      "*",
      ".*",
    ],
    ...[[kid], { kid }, 0, 1, -1, true, null, { toString: kid }, "x".repeat(4_000)],
  ];
  return await Promise.all(
    names.map(
      async (name): Promise<Forgery> => [
        `kid ${JSON.stringify(name).slice(0, 40)}`,
        await signed({ alg: "ES256", kid: name }, JSON.stringify(claims), privateKey),
      ],
    ),
  );
}

/** Headers that are wrong, though the trusted key has signed them. */
async function headers(target: Target): Promise<Forgery[]> {
  const { claims, kid, privateKey } = target;
  const json = JSON.stringify(claims);
  const wrong: Json[] = [
    ...[
      "es256",
      "Es256",
      "ES256 ",
      "ES384",
      "ES256K",
      "RS256",
      "PS256",
      "EdDSA",
      "Ed25519",
      "HS256",
      "RSA1_5",
    ],
    ...[["ES256"], { ES256: true }, null, 256, true, undefined, ""],
  ].map((alg) => ({ alg }));
  wrong.push(
    ...[["exp"], ["unknown"], [], "b64", ["b64"], ["alg"], [1], null, {}].map((crit) => ({ crit })),
    { crit: ["b64"], b64: false },
    { crit: ["exp"], exp: 1 },
  );
  const asText = [
    `{"alg":"ES256","kid":"${kid}","alg":"none"}`,
    `{"kid":"${kid}"}`,
    `["ES256"]`,
    `"ES256"`,
    "null",
    `{"alg":"ES256"`,
    `{"alg":"ES256"}{}`,
    `\uFEFF\uFEFF{"alg":"ES256"}`,
    `{'alg':'ES256'}`,
    `{"\u0000alg":"ES256"}`,
  ];
  return [
    ...(await Promise.all(
      wrong.map(
        async (header): Promise<Forgery> => [
          `header ${JSON.stringify(header)}`,
          await trulySigned(target, json, header),
        ],
      ),
    )),
    ...(await Promise.all(
      asText.map(async (text): Promise<Forgery> => [`header ${text}`, await signed(text, json, privateKey)]),
    )),
  ];
}

/** A good token in other spellings, and other things than a token in compact form. */
async function spellings(target: Target): Promise<Forgery[]> {
  const json = JSON.stringify(target.claims);
  const good = await trulySigned(target, json);
  const [header = "", payload = "", signature = ""] = good.split(".");
  const last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".indexOf(
    signature.at(-1) ?? "",
  );
  const own = await generateKeyPair("ES256");
  const attackers = await signed({ alg: "ES256", kid: target.kid }, json, own.privateKey);
  return [
    // Four bits of the last letter are over: each of these is the same signature to a lenient reader.
    ...Array.from({ length: 15 }, (_, bits): Forgery => {
      const letter = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[last + bits + 1];
      return [
        `with ${bits + 1} in the bits that are over`,
        `${header}.${payload}.${signature.slice(0, -1)}${letter}`,
      ];
    }),
    ["padded", `${header}.${payload}.${signature}==`],
    [
      "with a padded header",
      `${header.padEnd(Math.ceil(header.length / 4) * 4 + 4, "=")}.${payload}.${signature}`,
    ],
    ["with a letter too many", `${good}A`],
    ["in three parts and an empty one", `${good}.`],
    ["with an empty part before", `.${good}`],
    ["twice", `${good}.${good}`],
    ["with a percent sign", good.replace(".", "%2E")],
    ["in quotation marks", `"${good}"`],
    ["with a comma behind", `${good},${good}`],
    ["with plus and slash", `${header}.${payload}.${`+/${signature.slice(2)}`}`],
    ["in flattened JSON", JSON.stringify({ protected: header, payload, signature })],
    ["in general JSON", JSON.stringify({ payload, signatures: [{ protected: header, signature }] })],
    ["in JSON, in base64", encoded({ protected: header, payload, signature })],
    [
      "with an unprotected header",
      `${encoded({ payload, header: { alg: "none" } })}.${payload}.${signature}`,
    ],
    [
      "encrypted in form",
      `${encoded({ alg: "dir", enc: "A256GCM" })}..AAAAAAAAAAAAAAAA.AA.AAAAAAAAAAAAAAAAAAAAAA`,
    ],
    ["nested in another", await signed({ alg: "ES256", kid: target.kid, cty: "JWT" }, good, own.privateKey)],
    ["that holds another", await trulySigned(target, attackers, { cty: "JWT" })],
    ["that holds a list of claims", await trulySigned(target, `[${json}]`)],
    ["that holds a text", await trulySigned(target, JSON.stringify(json))],
    ["that holds half its claims", await trulySigned(target, json.slice(0, -1))],
    ["that holds claims and more", await trulySigned(target, `${json}{}`)],
    ["signed by nobody that is known", attackers],
    ["without its signature", `${header}.${payload}.`],
    ["without its payload", `${header}..${signature}`],
    ["of dots", ".."],
    ["with the signature of another", `${header}.${encoded({ ...target.claims, extra: 1 })}.${signature}`],
  ];
}

/** Signatures that careless arithmetic takes for right (CVE-2022-21449, and its kin). */
async function signatures(target: Target): Promise<Forgery[]> {
  const good = await trulySigned(target, JSON.stringify(target.claims));
  const [header = "", payload = "", signature = ""] = good.split(".");
  const right = base64url.decode(signature);
  const [r, s] = [right.subarray(0, 32), right.subarray(32)];
  const zero = new Uint8Array(32);
  const one = Uint8Array.from([...new Uint8Array(31), 1]);
  const all = new Uint8Array(32).fill(255);
  const numbers = { zero, one, order: ORDER, all, r, s };
  const pairs = Object.entries(numbers).flatMap(([a, first]) =>
    Object.entries(numbers).map(([b, second]): [string, Uint8Array] => [
      `r ${a}, s ${b}`,
      Uint8Array.from([...first, ...second]),
    ]),
  );
  const whole = (number: Uint8Array): number[] =>
    (number[0] ?? 0) > 127 ? [2, 33, 0, ...number] : [2, 32, ...number];
  const der = [...whole(r), ...whole(s)];
  const others: [string, Uint8Array][] = [
    ["in DER", Uint8Array.from([48, der.length, ...der])],
    ["cut short", right.subarray(0, 63)],
    ["with a byte more", Uint8Array.from([...right, 0])],
    ["with zeros in front", Uint8Array.from([0, ...r, 0, ...s])],
    ["twice", Uint8Array.from([...right, ...right])],
    ["of one byte", Uint8Array.from([0])],
    ["in 96 bytes, as ES384's", new Uint8Array(96)],
  ];
  return [...pairs.filter(([what]) => what !== "r r, s s"), ...others].map(([what, bytes]) => [
    `signature ${what}`,
    `${header}.${payload}.${base64url.encode(bytes)}`,
  ]);
}
