import * as fc from "fast-check";

/** A property that holds for any input. On failure the report names the seed and the smallest counterexample. */
export const always: <Ts>(property: fc.IProperty<Ts>, parameters?: fc.Parameters<Ts>) => void = fc.assert;
