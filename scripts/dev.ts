import { optionsFromEnvironment, startService } from "./service.ts";
import { ENVIRONMENT, takesNoArguments } from "./usage.ts";

/** `npm run dev`: the service alone. PORT and PERSIST_TO override the port and the storage folder. */
takesNoArguments(`npm run dev: the service alone, until Ctrl+C.\n\n${ENVIRONMENT}`);
let asked = false;
try {
  const service = await startService(optionsFromEnvironment("shown"));
  const stop = (): void => {
    asked = true;
    void service.stop();
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, stop);
  service.process.on("exit", (code) => (process.exitCode = asked ? 0 : (code ?? 1)));
  await service.ready;
} catch (error) {
  if (!asked) {
    console.error((error as Error).message);
    process.exitCode = 1;
  }
}
