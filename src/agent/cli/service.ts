import type { Command } from "commander";
import { type GlobalOptions, originOf, serviceOf } from "./address.ts";
import { out } from "./screen.ts";
import { changeSettings, readSettings, settingsPath } from "./settings.ts";
import { jsonText } from "./text.ts";

/** `appia service`: the service that is meant where none is named. */
export function addService(program: Command): void {
  const service = program
    .command("service [url]")
    .summary("show or set the usual service")
    .description("Shows which service is meant, or makes another the usual one.")
    .addHelpText("after", "\nExamples:\n  appia service\n  appia service https://appia.example.com");
  service.action(async (url: string | undefined) => {
    const options = service.optsWithGlobals<GlobalOptions>();
    if (url !== undefined) {
      const origin = originOf(url, "appia service");
      await changeSettings((settings) => ({ ...settings, service: origin }));
    }
    const origin =
      url === undefined ? serviceOf(options, await readSettings()) : originOf(url, "appia service");
    if (options.json) out.print(jsonText({ service: origin }));
    else out.print(url === undefined ? origin : `${origin} is the usual service now (${settingsPath()}).`);
  });
}
