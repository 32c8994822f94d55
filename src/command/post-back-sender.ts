import { POST_BACK_TIMEOUT_MS } from "../limits.ts";
import type { Command, Entry } from "./command.ts";
import { commandAt, commandEntity } from "./entity.ts";
import {
  accountKey,
  type PostBackOutcome,
  refusePostBackUri,
  retryAfterMs,
  sign,
  webhookId,
} from "./post-back.ts";

/** The vars that post-backs depend on. */
export interface PostBackVars {
  /** Master secrets, the current one first, separated by white space: all of them sign while they are being rotated. */
  POST_BACK_SECRETS: string;
  /** "true" lets post-backs go to this machine itself; for local work only. */
  POST_BACK_ALLOW_LOOPBACK: string;
}

/** The master secrets, the current one first; empty where none is configured. */
export function masterSecrets({ POST_BACK_SECRETS }: Partial<PostBackVars>): string[] {
  return (POST_BACK_SECRETS ?? "").split(/\s+/).filter((secret) => secret !== "");
}

/** Sends one post-back and says what became of it. Never throws; never follows a redirect; never reads the answer's body. */
export async function sendPostBack(
  command: Command,
  entry: Entry,
  vars: Partial<PostBackVars>,
): Promise<PostBackOutcome> {
  const { id, account, postBackUri } = command.order;
  // The rules are asked again: they may have become stricter since the command was accepted.
  const allowLoopback = vars.POST_BACK_ALLOW_LOOPBACK === "true";
  const refusal = refusePostBackUri(postBackUri ?? "", { ownHost: null, allowLoopback });
  if (refusal !== null) return failed(refusal);
  const secrets = masterSecrets(vars);
  if (secrets.length === 0) return failed("The service has no POST_BACK_SECRETS to sign with.");
  // Not `AbortSignal.timeout`: that timer runs on after the answer, and holds the object in memory meanwhile, billed.
  const cut = new AbortController();
  const timer = setTimeout(() => cut.abort(), POST_BACK_TIMEOUT_MS);
  try {
    const body = JSON.stringify({
      sequence: entry.sequence,
      command: commandEntity(commandAt(command, entry)),
    });
    const webhook = webhookId(id, entry.sequence);
    const timestamp = Math.floor(Date.now() / 1_000);
    const keys = await Promise.all(secrets.map((secret) => accountKey(secret, account)));
    const response = await fetch(postBackUri ?? "", {
      method: "POST",
      headers: {
        "Content-Type": "application/json",
        "User-Agent": "Appia",
        "webhook-id": webhook,
        "webhook-timestamp": String(timestamp),
        "webhook-signature": await sign(keys, webhook, timestamp, body),
      },
      body,
      redirect: "manual",
      signal: cut.signal,
    });
    // Nothing of the body is read; whatever comes of hanging up, the receiver has answered.
    response.body?.cancel().catch(() => undefined);
    const { status } = response;
    if (status >= 200 && status < 300) return { type: "accepted", status };
    if (status === 410) return { type: "gone", status };
    const retryAfter = retryAfterMs(response.headers.get("Retry-After"), Date.now());
    return { type: "failed", status, reason: `The receiver answered ${status}.`, retryAfterMs: retryAfter };
  } catch {
    return failed(
      cut.signal.aborted ? "The receiver did not answer in time." : "The receiver could not be reached.",
    );
  } finally {
    clearTimeout(timer);
  }
}

function failed(reason: string): PostBackOutcome {
  return { type: "failed", status: null, reason, retryAfterMs: null };
}
