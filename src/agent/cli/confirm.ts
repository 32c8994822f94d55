import { createInterface } from "node:readline";
import { harmless } from "../harmless.ts";
import { EXIT, Exit } from "./exit.ts";

/**
 * Whether a person at the terminal agrees, or has done so with --yes. Throws `Exit` where there is nobody to ask,
 * and on Ctrl+C.
 */
export async function confirmed(question: string, yes: boolean): Promise<boolean> {
  if (yes) return true;
  if (!process.stdin.isTTY) {
    throw new Exit(EXIT.usage, "Standard input is no terminal, so nobody can be asked: say --yes.");
  }
  const answer = await answerTo(`${question} [y/N] `);
  return /^y(es)?$/i.test(answer.trim());
}

/** A line that is typed at the terminal; empty where the terminal ends. Throws `Exit` on Ctrl+C. */
export async function answerTo(prompt: string): Promise<string> {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return await new Promise<string>((resolve, reject) => {
      lines.once("close", () => resolve(""));
      lines.once("SIGINT", () => reject(new Exit(EXIT.interrupted, "\nNothing was changed.")));
      lines.question(harmless(prompt), resolve);
    });
  } finally {
    lines.close();
  }
}
