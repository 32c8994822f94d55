export { AccountObject } from "./account/account-object.ts";
export { CommandObject } from "./command/command-object.ts";
export { DeviceObject } from "./device/device-object.ts";
export { app as default } from "./http/app.ts";
export { PairingObject } from "./pairing/pairing-object.ts";
