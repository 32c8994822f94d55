import type { AuthorizationServer, SignInSettings } from "./oidc.ts";

/**
 * Who is signed in: a caller's token, kept by the tab alone. It is in no cookie and on no disk; a new tab of the
 * same browser asks the others for theirs.
 */

const TOKEN = "appia.token";
const CHANNEL = "appia.session";
/** Milliseconds that other tabs have to answer. */
const ASKING_MS = 150;

type Message = { type: "ask" } | { type: "token"; token: string } | { type: "signOut" };

/** What a sign-in came to. */
export type SignIn = { type: "signedIn"; token: string } | { type: "signedOut"; message: string | null };

let channel: BroadcastChannel | undefined;

/**
 * Whoever is signed in when a page is opened: by the link that `npm start` prints (its token is in the fragment, and
 * leaves the address bar at once), by coming back from the issuer, in this tab before, or in another.
 */
export async function openSession(): Promise<SignIn> {
  const link = /^#token=([\w.-]+)$/.exec(location.hash)?.[1];
  if (link !== undefined) {
    history.replaceState(null, "", location.pathname);
    return keep(link);
  }
  const query = new URLSearchParams(location.search);
  if (query.has("state") && (query.has("code") || query.has("error"))) {
    try {
      const { completeSignIn } = await import("./oidc.ts");
      const { token, returnTo } = await completeSignIn(new URL(location.href));
      history.replaceState(null, "", returnTo.startsWith("/") ? returnTo : "/");
      const signedIn = keep(token);
      // The page that asked may be another one; the issuer always comes back to the console.
      if (new URL(returnTo, location.origin).pathname !== "/") location.reload();
      return signedIn;
    } catch (error) {
      history.replaceState(null, "", "/");
      return { type: "signedOut", message: `Signing in failed: ${(error as Error).message}` };
    }
  }
  const kept = sessionStorage.getItem(TOKEN) ?? (await askOtherTabs());
  return kept === null ? { type: "signedOut", message: null } : keep(kept);
}

/** Signs in with a token that the person has; also with the whole link that holds one. */
export function useToken(text: string): SignIn {
  const token = /(?:#token=|^)([\w-]+\.[\w-]+\.[\w-]+)$/.exec(text.trim())?.[1];
  if (token !== undefined) return keep(token);
  return { type: "signedOut", message: "This is no token: one has three parts with dots between them." };
}

/** Forgets the token, here and in the other tabs. */
export function signOut(): void {
  sessionStorage.removeItem(TOKEN);
  tell({ type: "signOut" });
}

/** The token was refused: it is forgotten here. */
export function forgetToken(): void {
  sessionStorage.removeItem(TOKEN);
}

/** Tells when another tab has signed out. */
export function onSignOut(action: () => void): () => void {
  const heard = ({ data }: MessageEvent<Message>): void => {
    if (data.type !== "signOut") return;
    sessionStorage.removeItem(TOKEN);
    action();
  };
  channel?.addEventListener("message", heard);
  return () => channel?.removeEventListener("message", heard);
}

/** Goes to the issuer, and comes back to this address. */
export async function signInAtIssuer(server: AuthorizationServer, settings: SignInSettings): Promise<void> {
  const { startSignIn } = await import("./oidc.ts");
  location.assign(await startSignIn(server, settings, location.pathname + location.hash));
}

function keep(token: string): SignIn {
  sessionStorage.setItem(TOKEN, token);
  if (channel === undefined) {
    channel = new BroadcastChannel(CHANNEL);
    channel.addEventListener("message", ({ data }: MessageEvent<Message>) => {
      const own = sessionStorage.getItem(TOKEN);
      if (data.type === "ask" && own !== null) tell({ type: "token", token: own });
    });
  }
  return { type: "signedIn", token };
}

function tell(message: Message): void {
  const sender = new BroadcastChannel(CHANNEL);
  sender.postMessage(message);
  sender.close();
}

async function askOtherTabs(): Promise<string | null> {
  const ears = new BroadcastChannel(CHANNEL);
  try {
    return await new Promise((resolve) => {
      setTimeout(resolve, ASKING_MS, null);
      ears.addEventListener("message", ({ data }: MessageEvent<Message>) => {
        if (data.type === "token") resolve(data.token);
      });
      tell({ type: "ask" });
    });
  } finally {
    ears.close();
  }
}
