import { useEffect, useMemo, useState } from "preact/hooks";
import { Client } from "../client/client.ts";
import { type Account, accountOf } from "./account.ts";
import { changeTo, forgetToken, holdsLink, onSignOut, openSession, type SignIn, signOut } from "./session.ts";

/** Who is signed in, and what they call the service with. */
export interface Person {
  client: Client;
  /** Null where their token names none: the service will not take it either. */
  account: Account | null;
  signOut: () => void;
}

/** What a page knows of who is there. */
export interface Session {
  /** Null while it is looked for. */
  state: SignIn | null;
  /** Null while nobody is signed in, or it is not decided who. */
  person: Person | null;
  /** Somebody has signed in. */
  signedIn: (state: SignIn) => void;
}

/** Who is signed in, as it changes: in this tab, by a link that is opened in it, and in other tabs. */
export function useSession(): Session {
  const [state, setState] = useState<SignIn | null>(null);
  useEffect(() => {
    const look = (): void => void openSession().then(setState);
    // A link that is opened in this tab changes nothing but the fragment.
    const opened = (): void => {
      if (holdsLink()) look();
    };
    look();
    addEventListener("hashchange", opened);
    return () => removeEventListener("hashchange", opened);
  }, []);
  useEffect(() => onSignOut(() => setState({ type: "signedOut", message: null })), []);

  const isOut = state?.type === "signedOut";
  useEffect(() => {
    if (!isOut) return;
    // People sign in in another tab, and turn back to this one.
    const lookAgain = async (): Promise<void> => {
      const found = await openSession();
      if (found.type !== "signedOut") setState(found);
    };
    const turnedTo = (): void => void lookAgain();
    addEventListener("focus", turnedTo);
    return () => removeEventListener("focus", turnedTo);
  }, [isOut]);

  const token = state?.type === "signedIn" ? state.token : null;
  const person = useMemo(() => (token === null ? null : personOf(token, setState)), [token]);
  return { state, person, signedIn: setState };
}

/** A person with their client. A token that is refused signs them out, wherever it was used. */
function personOf(token: string, onChange: (state: SignIn) => void): Person {
  const client = new Client({
    service: location.origin,
    token: () => token,
    onRefused: ({ message }) => {
      forgetToken();
      onChange({ type: "signedOut", message: `You are not signed in any more: ${message}` });
    },
  });
  return {
    client,
    account: accountOf(token),
    signOut: () => {
      signOut();
      onChange({ type: "signedOut", message: null });
    },
  };
}

/** The answer to whether a link's account takes the place of the one that is signed in. */
export function decided({ own, offered }: Extract<SignIn, { type: "undecided" }>, changes: boolean): SignIn {
  return changes ? changeTo(offered) : { type: "signedIn", token: own };
}
