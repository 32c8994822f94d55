import type { DeviceEvent } from "../device-event.ts";
import type { Line, Tone } from "../event-lines.ts";
import { out } from "./screen.ts";
import { type Shown, type Style, shown } from "./shown.ts";
import { jsonText } from "./text.ts";

const STYLES: Record<Tone, Style> = { quiet: "dim", good: "green", warning: "yellow", bad: "red" };

/** What a device that runs tells its owner: lines for a person, or its events as JSON lines for a program. */
export class Log {
  readonly #json: boolean;

  constructor(json: boolean) {
    this.#json = json;
  }

  /** Words that no event stands for. */
  say(line: Line): void {
    if (!this.#json) this.#print(line);
  }

  /** An event, and the line that a person reads of it; null where there is none. */
  tell(event: DeviceEvent | { type: string }, line: Line | null): void {
    if (this.#json) out.print(jsonText({ at: new Date().toISOString(), ...event }));
    else if (line !== null) this.#print(line);
  }

  /** What is only for a person at a terminal. */
  show(words: Shown | string): void {
    if (!this.#json) out.print(words);
  }

  #print({ text, tone }: Line): void {
    const clock = new Date().toTimeString().slice(0, 8);
    out.print(shown`${out.style("dim", clock)}  ${out.style(STYLES[tone], text)}`);
  }
}
