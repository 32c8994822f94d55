#!/usr/bin/env node
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

/**
 * The command line `appia` on whatever Node a computer has. One that runs TypeScript as it is (22.18 or newer) runs
 * the program itself; any other runs it with the Node that the project brings.
 */

const MAIN = new URL("./cli/main.ts", import.meta.url);

if (process.features.typescript) await import(MAIN.href);
else runElsewhere();

function runElsewhere() {
  const name = process.platform === "win32" ? "node.exe" : "node";
  const node = fileURLToPath(new URL(`../../node_modules/node/bin/${name}`, import.meta.url));
  if (!existsSync(node)) {
    process.stderr.write(
      `appia needs Node 22.18 or newer, and this is ${process.version}. "npm ci" in the project's folder brings one.\n`,
    );
    process.exitCode = 1;
    return;
  }
  const child = spawn(node, [fileURLToPath(MAIN), ...process.argv.slice(2)], { stdio: "inherit" });
  // A terminal's Ctrl+C reaches the whole process group: passed on as well, it would count twice.
  const atTerminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY;
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    process.on(signal, () => {
      if (signal !== "SIGINT" || !atTerminal) child.kill(signal);
    });
  }
  child.once("error", (error) => {
    process.stderr.write(`${node} does not run: ${error.message}\n`);
    process.exitCode = 1;
  });
  child.once("exit", (code, signal) => {
    if (signal === null) {
      process.exitCode = code;
      return;
    }
    // Ends as it did, so that whoever waits for this program learns of the signal.
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}
