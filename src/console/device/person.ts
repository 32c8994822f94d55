import { useEffect, useState } from "preact/hooks";
import { Client } from "../../client/client.ts";
import { forgetToken, onSignOut, openSession } from "../session.ts";

/**
 * The client of the person who is signed in in this browser, if anybody is; null otherwise. Looked for again when the
 * tab is turned to, as people sign in in another.
 */
export function usePerson(): Client | null {
  const [token, setToken] = useState<string | null>(null);
  useEffect(() => {
    const look = async (): Promise<void> => {
      const session = await openSession();
      setToken(session.type === "signedIn" ? session.token : null);
    };
    void look();
    const turnedTo = (): void => void look();
    addEventListener("focus", turnedTo);
    return () => removeEventListener("focus", turnedTo);
  }, []);
  useEffect(() => onSignOut(() => setToken(null)), [token]);
  const [client, setClient] = useState<Client | null>(null);
  useEffect(() => {
    const refused = (): void => {
      forgetToken();
      setToken(null);
    };
    setClient(
      token === null
        ? null
        : new Client({ service: location.origin, token: () => token, onRefused: refused }),
    );
  }, [token]);
  return client;
}
