import { optionsFromEnvironment, startService } from "./service.ts";

/** `npm run dev`: the service alone. PORT and PERSIST_TO override the port and the storage folder. */
try {
  const service = await startService(optionsFromEnvironment("shown"));
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => void service.stop());
  service.process.on("exit", (code) => (process.exitCode = code ?? 0));
  await service.ready;
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}
