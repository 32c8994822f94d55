import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect } from "vitest";
import { localVars } from "../../scripts/local-vars.ts";
import { signToken } from "../../scripts/token.ts";
import { createKeyPair, registerDevice } from "../../src/agent/identity.ts";
import { launch, type Program, run } from "../scripts/program.ts";
import type { Json, OwnService } from "./stage.ts";

/** People at command lines, which are processes. */

const ROOT = join(import.meta.dirname, "../..");
export const APPIA = join(ROOT, "src/agent/appia.js");
/** What one process has compiled, the next need not: it starts in half the time. */
const COMPILED = join(ROOT, ".wrangler/compiled");

const started: Program[] = [];

/** Ends whatever a test that failed has left running. */
export function endAll(): void {
  for (const { process: left } of started) left.kill("SIGKILL");
}

/** A program that runs until all end, unless it ends before. */
export function untilEndAll(program: Program): Program {
  started.push(program);
  return program;
}

/** Someone with a command line: an account of their own, and a configuration folder of their own. */
export class Person {
  readonly env: NodeJS.ProcessEnv;

  private constructor(env: NodeJS.ProcessEnv) {
    this.env = env;
  }

  static async named(service: Pick<OwnService, "origin" | "folder">, name: string): Promise<Person> {
    const token = await signToken(await localVars(), crypto.randomUUID(), "Device.ReadWrite Device.Command");
    const home = join(service.folder, name);
    return new Person({
      APPIA_SERVICE: service.origin,
      APPIA_TOKEN: token,
      HOME: home,
      XDG_CONFIG_HOME: home,
      NODE_COMPILE_CACHE: COMPILED,
      // As a shell has them: the test runner's own wishes for colours are none of this person's.
      NO_COLOR: undefined,
      FORCE_COLOR: undefined,
    });
  }

  get token(): string {
    return this.env.APPIA_TOKEN ?? "";
  }

  /** The same person where no token is known. */
  get withoutToken(): Person {
    return this.with({ APPIA_TOKEN: "" });
  }

  starts(...args: string[]): Program {
    return untilEndAll(run(APPIA, args, this.env));
  }

  async does(...args: string[]): Promise<{ code: number | null; out: string; err: string }> {
    return await this.reads("", ...args);
  }

  /** The same with something on standard input. */
  async reads(input: string, ...args: string[]): Promise<{ code: number | null; out: string; err: string }> {
    return await run(APPIA, args, this.env, input).ended;
  }

  /** What a call that is done answers on standard output, as JSON. */
  async answer(...args: string[]): Promise<Json> {
    const { code, out, err } = await this.does(...args);
    expect({ code, out, err }).toMatchObject({ code: 0 });
    return JSON.parse(out);
  }

  /** At a terminal of its own, which the system's `script` makes; what is typed waits to be read. */
  atTerminal(typed: string, ...args: string[]): Program {
    const line = [process.execPath, APPIA, ...args].map((word) => `'${word}'`).join(" ");
    // Where CI is set, Node takes no terminal for one that shows colours.
    const env = { ...this.env, TERM: "xterm-256color", CI: undefined };
    return untilEndAll(launch("script", ["-qec", line, "/dev/null"], env, typed));
  }

  /** The same person with other variables. */
  with(env: NodeJS.ProcessEnv): Person {
    return new Person({ ...this.env, ...env });
  }
}

/** Makes a running device "PC" of the person's, with app services that fail, decline, wait and boast. */
export async function runsPc(person: Person, folder: string): Promise<Program> {
  const services = join(folder, "services");
  await mkdir(services);
  const library = pathToFileURL(join(ROOT, "src/agent/device.ts")).href;
  const modules = {
    fail: `export default () => { throw new Error("The printer is on fire."); };`,
    drop: `import { CommandDropped } from "${library}";
      export default () => { throw new CommandDropped("Not now."); };`,
    wait: `export default (task, { signal }) =>
      new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));`,
    boast: `export default ({ payload }, { progress }) => {
      progress({ message: "\\u001b[2Jdone\\u009b5m", percent: 50 });
      return { payload, boast: "\\u001b]0;pwned\\u0007\\u009b2J" };
    };`,
  };
  for (const [name, text] of Object.entries(modules)) await writeFile(join(services, `${name}.mjs`), text);
  const pc = person.starts("device", "--name", "PC", "--services", services);
  await pc.says(/connected; waiting for commands/);
  return pc;
}

/** Registers a device of the person's that is never there. */
export async function hasDevice(
  person: Person,
  service: Pick<OwnService, "origin">,
  name: string,
): Promise<void> {
  const { publicKey } = await createKeyPair(false);
  await registerDevice(service.origin, person.token, { name, kind: "Desktop", platform: "Linux", publicKey });
}
