import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, normalize } from "node:path";
import { calculateJwkThumbprint, exportJWK, importJWK, jwtVerify } from "jose";
import { describe, expect, onTestFinished, test } from "vitest";
import { systemClock } from "../../src/agent/clock.ts";
import { createKeyPair, registerDevice, signDeviceToken } from "../../src/agent/identity.ts";
import { identityPath, importIdentity, readIdentity, writeIdentity } from "../../src/agent/identity-file.ts";
import { ActingService } from "./acting-service.ts";

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "appia-"));
  onTestFinished(() => rm(path, { recursive: true }));
  return path;
}

async function freshIdentity() {
  const { privateKey } = await createKeyPair(true);
  return {
    service: "http://127.0.0.1:8787",
    deviceId: "d1",
    name: "my PC",
    privateKey: await exportJWK(privateKey),
  };
}

describe("a key pair", () => {
  test("shows its public half under its thumbprint, and keeps the private one", async () => {
    const { privateKey, publicKey } = await createKeyPair(false);
    expect(privateKey.extractable).toBe(false);
    expect(new Set(Object.keys(publicKey))).toEqual(new Set(["alg", "crv", "kid", "kty", "use", "x", "y"]));
    expect(publicKey.kid).toBe(await calculateJwkThumbprint(publicKey));
  });
});

describe("registering", () => {
  async function openService(): Promise<ActingService> {
    const service = new ActingService(systemClock);
    await service.opens();
    onTestFinished(() => service.shuts());
    return service;
  }

  test("hands over the public key and learns the device's id", async () => {
    const service = await openService();
    const { publicKey } = await createKeyPair(false);
    const registration = { name: "my PC", kind: "Desktop", platform: "Linux", publicKey };
    expect(await registerDevice(service.origin, "caller", registration)).toBe(service.deviceId);
    expect(await service.registrations.next()).toEqual(registration);
  });

  test("passes on why the service refused", async () => {
    const service = await openService();
    const { publicKey } = await createKeyPair(false);
    const registration = { name: "my PC", kind: "Desktop", platform: "Linux", publicKey };
    await expect(registerDevice(service.origin, "stranger", registration)).rejects.toMatchObject({
      name: "RegistrationError",
      status: 401,
      message: "The token is not accepted.",
    });
  });
});

describe("the identity file", () => {
  test("brings back the same device, and is its owner's alone", async () => {
    const home = await folder();
    const path = join(home, "deep", "identity.json");
    const identity = await freshIdentity();
    expect(await readIdentity(path)).toBeNull();
    await writeIdentity(path, { ...identity, name: "older" });
    await writeIdentity(path, identity);
    expect(await readIdentity(path)).toEqual(identity);
    expect(await readdir(join(home, "deep"))).toEqual(["identity.json"]);
    // Windows knows no modes; there the user's folder is the fence.
    if (process.platform !== "win32") expect((await stat(path)).mode & 0o777).toBe(0o600);
    const token = await signDeviceToken(await importIdentity(identity), "http://a", Date.now(), 60);
    const { d: _, ...publicKey } = identity.privateKey;
    await jwtVerify(token, await importJWK(publicKey, "ES256"), {
      issuer: "d1",
      subject: "d1",
      audience: "http://a",
    });
  });

  test("that holds something else is named, and left as it is", async () => {
    const path = join(await folder(), "identity.json");
    await writeFile(path, "{}");
    await expect(readIdentity(path)).rejects.toThrow(path);
    expect(await readFile(path, "utf8")).toBe("{}");
  });

  test("that cannot be written leaves no draft behind", async () => {
    const home = await folder();
    const path = join(home, "taken");
    await writeIdentity(join(path, "inside"), await freshIdentity());
    await expect(writeIdentity(path, await freshIdentity())).rejects.toThrow();
    expect(await readdir(home)).toEqual(["taken"]);
  });

  test("lies where each system keeps such things, one a service", () => {
    const at = (platform: NodeJS.Platform, env = {}, service = "http://127.0.0.1:8787/") =>
      identityPath(service, { platform, env, home: "/home/me" });
    expect(at("linux")).toBe(normalize("/home/me/.config/appia/http-127.0.0.1_8787.json"));
    expect(at("linux", { XDG_CONFIG_HOME: "/x" })).toBe(normalize("/x/appia/http-127.0.0.1_8787.json"));
    expect(at("darwin")).toBe(
      normalize("/home/me/Library/Application Support/appia/http-127.0.0.1_8787.json"),
    );
    expect(at("win32", { APPDATA: "/roaming" })).toBe(normalize("/roaming/appia/http-127.0.0.1_8787.json"));
    expect(at("linux", {}, "https://[::1]:444")).toBe(
      normalize("/home/me/.config/appia/https-___1__444.json"),
    );
  });
});
