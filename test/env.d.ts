declare namespace Cloudflare {
  interface Env {
    /** The private key of the tests' token issuer, as a JSON Web Key. */
    TEST_SIGNING_KEY: string;
    /** How many random sequences the model-based test runs, and the seed of the first; empty for its own choice. */
    MODEL_RUNS: string;
    MODEL_SEED: string;
    /** How many random requests the test of that name sends; empty for its own choice. */
    RANDOM_REQUESTS: string;
  }
}

interface ImportMeta {
  /** Vite's: imports all files of a pattern. */
  glob(pattern: string, options: { eager: true }): Record<string, unknown>;
}
