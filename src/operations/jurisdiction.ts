/** Where the objects live: the var JURISDICTION keeps all of them, with their storage, in one region. */

/** The bindings by which objects are reached: every one, since each keeps something of an account. */
const NAMESPACES = ["ACCOUNTS", "DEVICES", "COMMANDS", "PAIRINGS"] as const;

/** Thrown where the platform does not take the var's value. */
export class JurisdictionUnknown extends Error {
  override readonly name = "JurisdictionUnknown";
}

/** The namespaces that are kept in a jurisdiction. */
const confined = new WeakSet<object>();

/** Whether a namespace is kept in a jurisdiction: then it knows ids of that only. */
export function isConfined(namespace: object): boolean {
  return confined.has(namespace);
}

/** What each environment has become, and what a kept one is: itself. */
const kept = new WeakMap<object, object>();

/**
 * The environment with its objects kept in the configured jurisdiction; the very same one where none is configured.
 * Ids of another jurisdiction are unknown to it. Throws `JurisdictionUnknown`.
 */
export function located<Vars extends Env>(env: Vars): Vars {
  const { JURISDICTION: jurisdiction } = env;
  if (!jurisdiction) return env;
  const before = kept.get(env) as Vars | undefined;
  if (before !== undefined) return before;
  const inside = { ...env };
  try {
    for (const name of NAMESPACES) {
      const namespace = env[name].jurisdiction(jurisdiction as DurableObjectJurisdiction);
      confined.add(namespace);
      Object.assign(inside, { [name]: namespace });
    }
  } catch (error) {
    throw new JurisdictionUnknown(
      `The var JURISDICTION is ${JSON.stringify(jurisdiction)}, which the platform does not take: ${String(error)}`,
      { cause: error },
    );
  }
  kept.set(env, inside);
  kept.set(inside, inside);
  return inside;
}
