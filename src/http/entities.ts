import { commandEntity } from "../command/entity.ts";
import type { CommandView } from "../command/handover.ts";
import type { DeviceView } from "../device/device.ts";
import type { Profile } from "./paths.ts";

/** Entities as the two profiles show them: `beta` as the original's documents and clients know them, `v1.0` clean. */

export function deviceEntity(profile: Profile, device: DeviceView): object {
  const { id, name, manufacturer, model, kind, status, platform } = device;
  return profile === "v1.0"
    ? { id, name, manufacturer, model, kind, status, platform }
    : {
        id,
        Name: name,
        Manufacturer: manufacturer,
        Model: model,
        Kind: kind,
        Status: status,
        Platform: platform,
      };
}

/** A command; in `beta` also once more under `value`, since the original's documents show both shapes. */
export function commandInProfile(profile: Profile, command: CommandView): object {
  const entity = commandEntity(command);
  return profile === "v1.0" ? entity : { ...entity, value: entity };
}

/** The response payload as an entity: the device's own object, or its other value under `value`. */
export function responseEntity(profile: Profile, context: string, response: unknown): object {
  const isObject = typeof response === "object" && response !== null && !Array.isArray(response);
  const members: object = isObject ? response : { value: response };
  const ignored = profile === "beta" ? { MsIgnoredParameter: 0 } : {};
  // Once for its place, and once over what the device may have called so.
  const address = { "@odata.context": context };
  return { ...address, ...ignored, ...members, ...address };
}
