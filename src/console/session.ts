import { accountOf } from "./account.ts";
import type { AuthorizationServer, SignInSettings } from "./oidc.ts";
import { waysToSignIn } from "./sign-in-ways.ts";

/**
 * Who is signed in: a caller's token, kept by the tab alone. It is in no cookie and on no disk; a new tab of the
 * same browser asks the others for theirs.
 */

const TOKEN = "appia.token";
const CHANNEL = "appia.session";
const LINK = "#token=";
/** Milliseconds that other tabs have to answer. */
const ASKING_MS = 150;

type Message = { type: "ask" } | { type: "token"; token: string } | { type: "signOut" };

/** Somebody is signed in, or nobody; `message` says why not where it has to be told. */
type Settled = { type: "signedIn"; token: string } | { type: "signedOut"; message: string | null };

/** What a sign-in came to. */
export type SignIn =
  | Settled
  /** Somebody is signed in, and a link would sign in somebody else: whoever sent it does not decide that. */
  | { type: "undecided"; own: string; offered: string };

/**
 * Whoever is signed in when a page is opened: by the link that `npm start` prints (its token is in the fragment, and
 * leaves the address bar at once), by coming back from the issuer, in this tab before, or in another.
 */
export async function openSession(): Promise<SignIn> {
  if (holdsLink()) return await openLink();
  const returned = await returnFromIssuer();
  if (returned?.type === "signedIn") return returned;
  const own = await knownToken();
  return own === null ? (returned ?? { type: "signedOut", message: null }) : keep(own);
}

/** Whether the address is a link that signs in. */
export function holdsLink(): boolean {
  return location.hash.startsWith(LINK);
}

/** Signs in with a token that the person has; also with the whole link that holds one. */
export function useToken(text: string): Settled {
  const token = /(?:#token=|^)([\w-]+\.[\w-]+\.[\w-]+)$/.exec(text.trim())?.[1];
  if (token !== undefined) return keep(token);
  return { type: "signedOut", message: "This is no token: one has three parts with dots between them." };
}

/** Signs in another account than the one that was signed in, whose other tabs are signed out. */
export function changeTo(token: string): SignIn {
  tell({ type: "signOut" });
  return keep(token);
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
  others().addEventListener("message", heard);
  return () => others().removeEventListener("message", heard);
}

/** Goes to the issuer, and comes back to this address. */
export async function signInAtIssuer(server: AuthorizationServer, settings: SignInSettings): Promise<void> {
  const { startSignIn } = await import("./oidc.ts");
  location.assign(await startSignIn(server, settings, location.pathname + location.hash));
}

/** A link signs in whom it is for, unless that would take another's place, or the service has an issuer to do it. */
async function openLink(): Promise<SignIn> {
  const offered = location.hash.slice(LINK.length);
  shows(location.pathname);
  const [own, problem] = await Promise.all([knownToken(), problemWith(offered)]);
  if (problem !== null) return own === null ? { type: "signedOut", message: problem } : keep(own);
  if (own === null || accountOf(own)?.id === accountOf(offered)?.id) return keep(offered);
  keep(own);
  return { type: "undecided", own, offered };
}

/** Why a link's token signs nobody in; null where it may. */
async function problemWith(token: string): Promise<string | null> {
  if (accountOf(token) === null) return "The link holds no token.";
  try {
    const { authorizationServer } = await waysToSignIn();
    // People are known by their issuer here, and a link is not how it says who they are.
    return authorizationServer === null
      ? null
      : "The link was not used: this service signs nobody in by one.";
  } catch {
    return "The link was not used: the service does not say whether it may be. Open it again in a moment.";
  }
}

/** Comes back from the issuer, where that is what the address says; null where it is not. */
async function returnFromIssuer(): Promise<Settled | null> {
  const answer = new URL(location.href);
  const query = answer.searchParams;
  if (!query.has("state") || !(query.has("code") || query.has("error"))) return null;
  shows("/");
  try {
    const { completeSignIn } = await import("./oidc.ts");
    const { token, returnTo } = await completeSignIn(answer);
    sessionStorage.setItem(TOKEN, token);
    shows(returnTo);
    // The page that asked may be another one; the issuer always comes back to the console.
    if (location.pathname !== "/") location.reload();
    return { type: "signedIn", token };
  } catch (error) {
    return { type: "signedOut", message: `Signing in failed: ${(error as Error).message}` };
  }
}

/** The address bar shows this address, where it is one of this service, and the console's otherwise ("//name" is a host). */
function shows(path: string): void {
  const address = URL.parse(path, location.origin);
  history.replaceState(
    null,
    "",
    address?.origin === location.origin ? address : new URL("/", location.origin),
  );
}

function keep(token: string): Settled {
  sessionStorage.setItem(TOKEN, token);
  // From now on this tab answers the others.
  others();
  return { type: "signedIn", token };
}

/** The token of this tab, or of another. */
async function knownToken(): Promise<string | null> {
  return sessionStorage.getItem(TOKEN) ?? (await askOtherTabs());
}

let channel: BroadcastChannel | undefined;

/** The other tabs of this browser. They are answered when they ask whether somebody is signed in. */
function others(): BroadcastChannel {
  if (channel === undefined) {
    channel = new BroadcastChannel(CHANNEL);
    channel.addEventListener("message", ({ data }: MessageEvent<Message>) => {
      const own = sessionStorage.getItem(TOKEN);
      if (data.type === "ask" && own !== null) tell({ type: "token", token: own });
    });
  }
  return channel;
}

function tell(message: Message): void {
  others().postMessage(message);
}

function askOtherTabs(): Promise<string | null> {
  return new Promise((resolve) => {
    const heard = ({ data }: MessageEvent<Message>): void => {
      if (data.type === "token") answered(data.token);
    };
    const answered = (token: string | null): void => {
      clearTimeout(timer);
      others().removeEventListener("message", heard);
      resolve(token);
    };
    const timer = setTimeout(answered, ASKING_MS, null);
    others().addEventListener("message", heard);
    tell({ type: "ask" });
  });
}
