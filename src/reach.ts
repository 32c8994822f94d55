import { isConfined } from "./operations/jurisdiction.ts";

/** Calling another Durable Object, with the patience that the platform asks for. */

/** Tries to reach one object; the runtime itself has repeated each of them. */
const TRIES = 3;
/** Milliseconds before the second try; doubled for the next. */
const PAUSE_MS = 50;

/** Thrown where an object could not be reached; whether it acted is unknown. */
export class Unreachable extends Error {
  override readonly name = "Unreachable";
}

/**
 * Calls an object, with a new stub for each try: a stub stays broken once its object was reset. An exception that
 * the object's own code threw is a bug and passes through; an overloaded object is not asked again.
 * Every method called this way is safe to repeat.
 */
export async function reach<T extends Rpc.DurableObjectBranded, R>(
  namespace: DurableObjectNamespace<T>,
  id: DurableObjectId,
  call: (stub: DurableObjectStub<T>) => R,
): Promise<Awaited<R>> {
  for (let tried = 1; ; tried++) {
    try {
      return await call(namespace.get(id));
    } catch (error) {
      const failure = error as { remote?: boolean; retryable?: boolean; overloaded?: boolean };
      if (failure.remote === true && failure.retryable !== true && failure.overloaded !== true) throw error;
      if (failure.overloaded === true || tried === TRIES)
        throw new Unreachable(String(error), { cause: error });
      await scheduler.wait(PAUSE_MS * 2 ** (tried - 1));
    }
  }
}

/** Resolves when something has been done, or after so many milliseconds without it. */
export async function atMost(milliseconds: number, done: Promise<unknown>): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, milliseconds);
  await Promise.race([done, promise]);
  clearTimeout(timer);
}

/** Resolves as a call does; throws `Unreachable` where that takes longer than so many milliseconds. */
export async function inTime<R>(milliseconds: number, call: Promise<R>): Promise<R> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Unreachable("It did not answer in time.")), milliseconds);
  try {
    return await Promise.race([call, promise]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * The object's id that these words spell, or null: not hex, tampered with, of another class or jurisdiction, or in
 * other letters.
 */
export function objectId<T extends Rpc.DurableObjectBranded>(
  namespace: DurableObjectNamespace<T>,
  text: string,
): DurableObjectId | null {
  try {
    const id = namespace.idFromString(text);
    // An id of another jurisdiction may be refused only here; making a stub calls nobody.
    if (isConfined(namespace)) namespace.get(id);
    // The platform reads upper-case digits too; ids are exact.
    return id.toString() === text ? id : null;
  } catch {
    return null;
  }
}
