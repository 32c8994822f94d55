import { exportJWK } from "jose";
import { renderUnicodeCompact } from "uqr";
import { createKeyPair, type Registration, registerDevice } from "../identity.ts";
import { readIdentity, type StoredIdentity, writeIdentity } from "../identity-file.ts";
import { type PairingCode, PairingError, pair } from "../pairing.ts";
import type { Credentials } from "./credentials.ts";
import { EXIT, Exit, messageOf } from "./exit.ts";
import type { Log } from "./log.ts";
import { out } from "./screen.ts";
import { type Shown, shown } from "./shown.ts";

/** How this computer becomes a device of someone's account. */
export interface Enrollment {
  service: string;
  /** The file of its identity. */
  path: string;
  /** What it is called, where it is new. */
  name: string;
  /** Registers it at once; without, it pairs. */
  credentials: Credentials | undefined;
  log: Log;
}

/** The device that this computer is at the service; on the first run it becomes one. Throws `Exit`. */
export async function enrolled(enrollment: Enrollment): Promise<StoredIdentity> {
  const { service, path, name, credentials, log } = enrollment;
  const stored = await readIdentity(path);
  if (stored !== null) {
    if (stored.service === service) return stored;
    throw new Exit(EXIT.usage, `${path} belongs to ${stored.service}; name another file with --identity.`);
  }
  const { privateKey, publicKey } = await createKeyPair(true);
  const registration = { name, kind: "Desktop", platform: platformName(), publicKey };
  const deviceId =
    credentials === undefined
      ? await paired(enrollment, registration)
      : await registered(service, await credentials.token(), registration);
  const identity = { service, deviceId, name, privateKey: await exportJWK(privateKey) };
  await writeIdentity(path, identity);
  log.tell({ type: "registered" }, { text: `registered as "${name}", device ${deviceId}`, tone: "good" });
  return identity;
}

async function registered(service: string, token: string, registration: Registration): Promise<string> {
  return await registerDevice(service, token, registration).catch((error: unknown) => {
    throw new Exit(EXIT.failed, `${service} did not register this computer: ${messageOf(error)}`);
  });
}

async function paired({ service, log }: Enrollment, registration: Registration): Promise<string> {
  const giveUp = new AbortController();
  const interrupt = (): void => giveUp.abort();
  process.once("SIGINT", interrupt).once("SIGTERM", interrupt);
  try {
    const onCode = (code: PairingCode): void => showCode(code, log);
    const { deviceId } = await pair({ service, registration, onCode, signal: giveUp.signal });
    return deviceId;
  } catch (error) {
    if (giveUp.signal.aborted) throw new Exit(EXIT.interrupted, "This computer was not made a device.");
    const again =
      error instanceof PairingError && error.reason === "expired" ? " Run again for a new code." : "";
    throw new Exit(
      EXIT.failed,
      `${service} did not make this computer a device: ${messageOf(error)}${again}`,
    );
  } finally {
    process.off("SIGINT", interrupt).off("SIGTERM", interrupt);
  }
}

function showCode(code: PairingCode, log: Log): void {
  const { userCode, verificationUri, verificationUriComplete, expiresAt } = code;
  log.tell({ type: "pairing", ...code }, null);
  if (out.isTerminal) for (const line of qrPicture(verificationUriComplete)) log.show(line);
  log.show(
    shown`To make this computer one of your devices, enter the code ${out.style("bold", userCode)} at`,
  );
  log.show(`  ${verificationUri}`);
  log.show(`or say yes where you have a token: appia pair ${userCode}`);
  const until = new Date(expiresAt).toTimeString().slice(0, 8);
  log.say({ text: `waiting until ${until} for someone to enter it`, tone: "quiet" });
}

/** The lines of a QR code of two rows a line, white on black whatever the terminal's colours are. */
function qrPicture(text: string): (Shown | string)[] {
  const lines = renderUnicodeCompact(text, { border: 2 }).split("\n");
  return ["", ...lines.map((line) => shown`  ${out.style(["whiteBright", "bgBlack"], line)}`), ""];
}

function platformName(): string {
  switch (process.platform) {
    case "win32":
      return "Windows";
    case "darwin":
      return "MacOS";
    case "linux":
      return "Linux";
    default:
      return "Unknown";
  }
}
