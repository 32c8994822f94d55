import { registerHooks } from "node:module";

/**
 * Preloaded into tools that ask TypeScript for what its native version no longer tells, its enums by their names:
 * they get the TypeScript that ts-morph carries, which they write their files with anyway.
 */
const CARRIED = import.meta.resolve("@ts-morph/common/dist/typescript.js");

registerHooks({
  resolve: (specifier, context, next) =>
    specifier === "typescript"
      ? { url: CARRIED, format: "commonjs", shortCircuit: true }
      : next(specifier, context),
});
