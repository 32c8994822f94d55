import { runInDurableObject } from "cloudflare:test";
import type { Json } from "../stage.ts";

/** All that an object keeps, and when its alarm rings. */
export interface Kept {
  kv: [name: string, value: Json][];
  tables: [name: string, rows: Json[]][];
  alarm: number | null;
}

export function keptBy(stub: DurableObjectStub): Promise<Kept> {
  return runInDurableObject(stub, async (_, { storage }) => {
    const tables = storage.sql
      .exec<{ name: string }>("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT GLOB '_cf*'")
      .toArray();
    return {
      // As text and back: what is kept is compared, and not of which class it is.
      kv: JSON.parse(JSON.stringify([...storage.kv.list()])),
      tables: tables.map(({ name }): [string, Json[]] => [
        name,
        storage.sql.exec(`SELECT * FROM "${name}"`).toArray(),
      ]),
      alarm: await storage.getAlarm(),
    };
  });
}

/** The names of all members in what is kept, at any depth, and in the JSON that it holds as text. */
export function namesIn(value: unknown): Set<string> {
  const names = new Set<string>();
  const look = (found: unknown): void => {
    if (typeof found === "string" && /^[{[]/.test(found)) look(parsed(found));
    if (typeof found !== "object" || found === null) return;
    for (const [name, member] of Object.entries(found)) {
      if (!Array.isArray(found)) names.add(name);
      look(member);
    }
  };
  look(value);
  return names;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
