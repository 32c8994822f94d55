import type { VNode } from "preact";
import { useCallback, useEffect, useMemo, useState } from "preact/hooks";
import { Client } from "../client/client.ts";
import { ServiceError } from "../client/service-error.ts";
import { ActionButton, Field, Loading, Notice, Page } from "./components.tsx";
import type { AuthorizationServer, SignInSettings } from "./oidc.ts";
import {
  forgetToken,
  onSignOut,
  openSession,
  type SignIn,
  signInAtIssuer,
  signOut,
  useToken as takeToken,
} from "./session.ts";

/** A page that needs to know who is there: the way to sign in, and then the page with the person's client. */
export function SignedIn({
  current,
  why,
  narrow = false,
  children,
}: {
  current: string;
  /** What signing in is for, in a sentence. */
  why: string;
  narrow?: boolean;
  children: (client: Client) => VNode;
}): VNode {
  const [session, setSession] = useState<SignIn | null>(null);
  useEffect(() => {
    void openSession().then(setSession);
  }, []);
  useEffect(() => onSignOut(() => setSession({ type: "signedOut", message: null })), [session]);
  // A link that is opened in the tab of the console changes nothing but the fragment.
  useEffect(() => {
    const opened = (): void => {
      if (location.hash.startsWith("#token=")) void openSession().then(setSession);
    };
    addEventListener("hashchange", opened);
    return () => removeEventListener("hashchange", opened);
  }, []);
  const token = session?.type === "signedIn" ? session.token : null;
  const refused = useCallback((error: ServiceError) => {
    forgetToken();
    setSession({ type: "signedOut", message: `You are not signed in any more: ${error.message}` });
  }, []);
  const client = useMemo(() => (token === null ? null : clientOf(token, refused)), [token, refused]);

  if (session === null) {
    return (
      <Page current={current} narrow>
        <Loading what="Looking whether you are signed in" />
      </Page>
    );
  }
  if (client === null) {
    return (
      <Page current={current} narrow>
        <SignInCard
          why={why}
          message={session.type === "signedOut" ? session.message : null}
          onSignIn={setSession}
        />
      </Page>
    );
  }
  const leave = (): void => {
    signOut();
    setSession({ type: "signedOut", message: null });
  };
  return (
    <Page
      current={current}
      narrow={narrow}
      end={
        <button type="button" class="plain" onClick={leave}>
          Sign out
        </button>
      }
    >
      {children(client)}
    </Page>
  );
}

/** The person's client. A token that is refused signs them out, wherever it was used. */
function clientOf(token: string, refused: (error: ServiceError) => void): Client {
  return new Client({
    service: location.origin,
    token: () => token,
    onRefused: refused,
  });
}

type Ways =
  | { authorizationServer: AuthorizationServer; client: SignInSettings }
  | { authorizationServer: null };

function SignInCard({
  why,
  message,
  onSignIn,
}: {
  why: string;
  message: string | null;
  onSignIn: (session: SignIn) => void;
}): VNode {
  const [ways, setWays] = useState<Ways | null>(null);
  const [failure, setFailure] = useState<string | null>(null);
  const load = useCallback(async () => {
    try {
      const response = await fetch("/console/sign-in");
      if (!response.ok) throw await ServiceError.of(response);
      setWays((await response.json()) as Ways);
      setFailure(null);
    } catch (error) {
      setFailure(error instanceof ServiceError ? error.message : "The service does not answer.");
    }
  }, []);
  useEffect(() => void load(), [load]);
  return (
    <section class="card" aria-labelledby="sign-in">
      <h1 id="sign-in">Sign in</h1>
      <p>{why}</p>
      {message !== null && <Notice tone="warning">{message}</Notice>}
      {failure !== null && (
        <Notice tone="bad" title="How to sign in is not known">
          <p>{failure}</p>
          <ActionButton action={load}>Try again</ActionButton>
        </Notice>
      )}
      {ways === null && failure === null && <Loading what="Asking how to sign in" />}
      {ways !== null &&
        (ways.authorizationServer === null ? (
          <TokenForm onSignIn={onSignIn} />
        ) : (
          <IssuerButton server={ways.authorizationServer} settings={ways.client} onFailure={setFailure} />
        ))}
    </section>
  );
}

function IssuerButton({
  server,
  settings,
  onFailure,
}: {
  server: AuthorizationServer;
  settings: SignInSettings;
  onFailure: (message: string) => void;
}): VNode {
  const go = async (): Promise<void> => {
    await signInAtIssuer(server, settings).catch((error: Error) => onFailure(error.message));
  };
  return (
    <ActionButton class="primary" action={go}>
      Sign in at {new URL(server.issuer).host}
    </ActionButton>
  );
}

function TokenForm({ onSignIn }: { onSignIn: (session: SignIn) => void }): VNode {
  const [text, setText] = useState("");
  const [problem, setProblem] = useState<string | null>(null);
  const submit = (event: Event): void => {
    event.preventDefault();
    const session = takeToken(text);
    if (session.type === "signedIn") onSignIn(session);
    else setProblem(session.message);
  };
  return (
    <form class="stack" onSubmit={submit}>
      <p class="quiet">
        On your own machine, open the console link that <code>npm start</code> prints, or paste it or a token
        here. <code>npm run -s token</code> prints one.
      </p>
      <Field label="Link or token" problem={problem}>
        {(control) => (
          <input
            {...control}
            type="password"
            autocomplete="off"
            spellcheck={false}
            value={text}
            onInput={({ currentTarget }) => setText(currentTarget.value)}
          />
        )}
      </Field>
      <button type="submit" class="primary">
        Sign in
      </button>
    </form>
  );
}
