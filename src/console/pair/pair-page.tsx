import type { VNode } from "preact";
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import type { Client } from "../../client/client.ts";
import type { PairingEntity } from "../../client/entities.ts";
import { ServiceError } from "../../client/service-error.ts";
import { CodeForm, type CodeProblem } from "./code-form.tsx";
import { Decided, type Decision } from "./decided.tsx";
import { RequestCard } from "./request-card.tsx";

type Step =
  | { type: "code"; problem: CodeProblem | null }
  | { type: "request"; pairing: PairingEntity }
  | { type: "decided"; decision: Decision };

/** Where a person lets a device into their account: the code, what asks under it, and what came of it. */
export function PairPage({ client }: { client: Client }): VNode {
  const [step, setStep] = useState<Step>({ type: "code", problem: null });
  const [code, setCode] = useState("");
  const latest = useRef(0);

  const look = useCallback(
    async (userCode: string): Promise<void> => {
      // A link with another code may be opened while this one is looked up.
      const turn = ++latest.current;
      try {
        const pairing = await client.pairing(userCode);
        if (turn === latest.current) setStep({ type: "request", pairing });
      } catch (error) {
        if (turn !== latest.current) return;
        // Signing in again is next, and brings back what the address held.
        if (error instanceof ServiceError && error.status === 401)
          history.replaceState(null, "", `#${userCode}`);
        else setStep({ type: "code", problem: problemOf(error as Error) });
      }
    },
    [client],
  );

  // The code that a link or a QR picture brings is in the fragment, which no server sees; it is taken from the address
  // bar, so that neither the history nor a reload brings it back.
  useEffect(() => {
    const opened = (): void => {
      const fragment = decodeFragment(location.hash);
      if (fragment === "" || location.hash.startsWith("#token=")) return;
      history.replaceState(null, "", location.pathname);
      setCode(fragment);
      setStep({ type: "code", problem: null });
      void look(fragment);
    };
    opened();
    addEventListener("hashchange", opened);
    return () => removeEventListener("hashchange", opened);
  }, [look]);

  const anew = useCallback((problem: CodeProblem | null) => {
    if (problem === null) setCode("");
    setStep({ type: "code", problem });
  }, []);

  switch (step.type) {
    case "code":
      return <CodeForm code={code} onCode={setCode} problem={step.problem} onSubmit={look} />;
    case "request":
      return (
        <RequestCard
          key={step.pairing.userCode}
          client={client}
          pairing={step.pairing}
          onDecided={(decision) => setStep({ type: "decided", decision })}
          onGone={(error) => anew(problemOf(error))}
          onBack={() => anew(null)}
        />
      );
    case "decided":
      return <Decided decision={step.decision} onAnother={() => anew(null)} />;
  }
}

/** What is wrong, and what to do next. */
export function problemOf(error: Error): CodeProblem {
  if (!(error instanceof ServiceError)) {
    return { type: "elsewhere", title: "The service does not answer", text: "Try again in a moment." };
  }
  if (error.status === 404) return { type: "field", text: error.message };
  if (error.status === 429) return { type: "tooMany", until: Date.now() + (error.retryAfter ?? 60) * 1_000 };
  if (error.status === 403) {
    const text =
      "Your token does not let you add devices: it lacks the scope Device.ReadWrite. Sign in again.";
    return { type: "elsewhere", title: "You may not do this", text };
  }
  return { type: "elsewhere", title: "That did not work", text: error.message };
}

function decodeFragment(hash: string): string {
  try {
    return decodeURIComponent(hash.slice(1));
  } catch {
    return "";
  }
}
