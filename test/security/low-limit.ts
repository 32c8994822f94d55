/** Requests a minute that each rate limit allows in tests: more than a story needs, fewer than a test has patience for. */
export const LOW_LIMIT = 12;
