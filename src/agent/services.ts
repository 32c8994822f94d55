import { CommandError } from "./command-error.ts";
import type { AppServiceTask, Handler } from "./task.ts";

/** A named function of this device that an app can call. */
export interface AppService {
  name: string;
  /** The one package family it answers to; null: any. */
  packageFamilyName: string | null;
  run: Handler<AppServiceTask>;
}

/** `appia.ping`: proves that a device answers, and gives back what it was sent. */
export const ping: AppService = {
  name: "appia.ping",
  packageFamilyName: null,
  run: ({ payload }) => ({ pong: true, at: new Date().toISOString(), echo: payload }),
};

/** One handler for many app services. Where several would answer, the first in the list does. */
export function appServices(services: readonly AppService[]): Handler<AppServiceTask> {
  return (task, context) => {
    const named = services.filter(({ name }) => name === task.appServiceName);
    if (named.length === 0) {
      const known = services.map(({ name }) => name).join(", ") || "none";
      const message = `This device has no app service "${task.appServiceName}"; it knows: ${known}.`;
      throw new CommandError("AppServiceUnavailable", message);
    }
    const service = named.find(
      ({ packageFamilyName }) => packageFamilyName === null || packageFamilyName === task.packageFamilyName,
    );
    if (service === undefined) {
      const message = `"${task.appServiceName}" does not answer to the package "${task.packageFamilyName}".`;
      throw new CommandError("AppNotInstalled", message);
    }
    return service.run(task, context);
  };
}
