/** How tests wait for a condition: looking often, and giving a busy machine time. */
export const PATIENTLY = { timeout: 10_000, interval: 5 };
