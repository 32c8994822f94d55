import { writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { cloudflareTest } from "@cloudflare/vitest-pool-workers";
import { exportJWK, generateKeyPair } from "jose";
import { configDefaults, defineConfig } from "vitest/config";
import { network } from "./test/outbound.ts";
import { LOW_LIMIT } from "./test/security/low-limit.ts";

/** The tests' own token issuer: its public key is the service's configuration, its private key signs their tokens. */
const { publicKey, privateKey } = await generateKeyPair("ES256", { extractable: true });
const named = { kid: "test", alg: "ES256" };
const keySet = { keys: [{ ...(await exportJWK(publicKey)), ...named }] };

/** The issuer's documents, those of one that publishes no keys, and of one that passes for another. */
const documents = new Map<string, object>([
  [
    "https://issuer.test/.well-known/openid-configuration",
    {
      issuer: "https://issuer.test",
      jwks_uri: "https://issuer.test/keys",
      authorization_endpoint: "https://issuer.test/sign-in",
      token_endpoint: "https://tokens.test/token",
    },
  ],
  ["https://issuer.test/keys", keySet],
  ["https://keyless.test/.well-known/openid-configuration", { issuer: "https://keyless.test" }],
  [
    "https://impostor.test/.well-known/openid-configuration",
    { issuer: "https://issuer.test", jwks_uri: "https://issuer.test/keys" },
  ],
]);

/** For the benchmark, which names a file, what commands cost is written there. */
async function keepCosts(table: string): Promise<void> {
  if (process.env.COST_TABLE !== undefined) await writeFile(process.env.COST_TABLE, table);
}

/** Tests that run on Node, beside the service; all others run inside workerd, with its objects at hand. */
const onNode = ["agent", "bench", "browser", "client", "e2e", "scripts"].map(
  (folder) => `test/${folder}/**/*.test.ts`,
);

export default defineConfig({
  test: {
    // Twice as many as the machine has cores: end-to-end tests mostly wait.
    maxWorkers: 2 * availableParallelism(),
    projects: [
      {
        plugins: [
          cloudflareTest({
            wrangler: { configPath: "./wrangler.toml" },
            miniflare: {
              bindings: {
                AUTH_ISSUER: "https://issuer.test",
                AUTH_AUDIENCE: "appia-test",
                AUTH_JWKS: JSON.stringify(keySet),
                POST_BACK_SECRETS: "the-current-master-secret the-previous-one",
                // As it is deployed, whatever the local vars say.
                POST_BACK_ALLOW_LOOPBACK: "",
                // Each count is a row in an object here; what is counted has tests of its own.
                REQUEST_LIMITS: "off",
                LOG_COMMANDS: "none",
                TEST_SIGNING_KEY: JSON.stringify({ ...(await exportJWK(privateKey)), ...named }),
                MODEL_RUNS: process.env.SOAK_RUNS ?? "",
                MODEL_SEED: process.env.SEED ?? "",
                RANDOM_REQUESTS: process.env.REQUESTS ?? "",
              },
              // Low enough to be reached: they are switched on by the tests that are about them.
              ratelimits: Object.fromEntries(
                ["ADDRESS_REQUESTS", "STRANGER_REQUESTS", "ACCOUNT_REQUESTS", "DEVICE_REQUESTS"].map(
                  (name, index) => [
                    name,
                    { namespace_id: `${index + 1}`, simple: { limit: LOW_LIMIT, period: 60 } },
                  ],
                ),
              ),
              // Nothing that a test does leaves the machine.
              outboundService: network(documents, keepCosts),
            },
          }),
        ],
        test: {
          name: "workerd",
          testTimeout: 30_000,
          include: ["test/**/*.test.ts"],
          exclude: [...configDefaults.exclude, ...onNode],
        },
      },
      {
        test: {
          name: "node",
          include: onNode,
          testTimeout: 60_000,
          hookTimeout: 60_000,
          // A busy machine takes longer than the usual second.
          expect: { poll: { timeout: 15_000 } },
          // The processes that these tests start compile the same code again and again.
          env: { NODE_COMPILE_CACHE: fileURLToPath(new URL(".wrangler/compiled", import.meta.url)) },
        },
      },
    ],
  },
});
