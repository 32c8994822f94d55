declare namespace Cloudflare {
  interface Env {
    /** The private key of the tests' token issuer, as a JSON Web Key. */
    TEST_SIGNING_KEY: string;
  }
}
