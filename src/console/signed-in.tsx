import type { VNode } from "preact";
import { useCallback, useEffect, useState } from "preact/hooks";
import type { Client } from "../client/client.ts";
import { ServiceError } from "../client/service-error.ts";
import { ActionButton, Field, Loading, Notice, Page } from "./components.tsx";
import type { AuthorizationServer, SignInSettings } from "./oidc.ts";
import { type SignIn, signInAtIssuer, useToken as takeToken } from "./session.ts";
import { type Ways, waysToSignIn } from "./sign-in-ways.ts";
import { useSession } from "./use-session.ts";
import { WhoCard, WhoIsThere } from "./who.tsx";

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
  const { state, person, signedIn } = useSession();
  if (person !== null) {
    return (
      <Page current={current} narrow={narrow} end={<WhoIsThere person={person} />}>
        {children(person.client)}
      </Page>
    );
  }
  return (
    <Page current={current} narrow>
      {state === null && <Loading what="Looking whether you are signed in" />}
      {state?.type === "undecided" && <WhoCard state={state} onDecided={signedIn} />}
      {state?.type === "signedOut" && <SignInCard why={why} message={state.message} onSignIn={signedIn} />}
    </Page>
  );
}

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
      setWays(await waysToSignIn());
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
