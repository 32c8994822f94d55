import type { VNode } from "preact";
import { type Account, accountOf } from "./account.ts";
import { ForeignText } from "./foreign-text.tsx";
import { ArrivalHeading } from "./heading.tsx";
import type { SignIn } from "./session.ts";
import { decided, type Person } from "./use-session.ts";

/** Characters of an account's name that are shown. */
const NAME_LENGTH = 60;

/** Who is signed in, in their token's words. */
export function AccountName({ account }: { account: Account | null }): VNode {
  return account === null ? <>somebody</> : <ForeignText most={NAME_LENGTH}>{account.name}</ForeignText>;
}

/** Who is signed in, in the top row. */
export function WhoIsThere({ person: { account, signOut } }: { person: Person }): VNode {
  return (
    <>
      <span class="account clip quiet">
        <span class="visually-hidden">Signed in as </span>
        <AccountName account={account} />
      </span>
      <button type="button" class="plain" onClick={signOut}>
        Sign out
      </button>
    </>
  );
}

/** Asks whether a link's account is to take the place of the one that is signed in. */
export function WhoCard({
  state,
  onDecided,
}: {
  state: Extract<SignIn, { type: "undecided" }>;
  onDecided: (state: SignIn) => void;
}): VNode {
  const [own, offered] = [accountOf(state.own), accountOf(state.offered)];
  // Who is called the same may be another; what their issuer knows them by tells them apart.
  const named = (account: Account | null): VNode => (
    <>
      <AccountName account={account} />
      {account !== null && account.name !== account.subject && (
        <>
          {" "}
          (<ForeignText most={NAME_LENGTH}>{account.subject}</ForeignText>)
        </>
      )}
    </>
  );
  return (
    <section class="card" aria-labelledby="who">
      <ArrivalHeading id="who">Sign in as {named(offered)} instead?</ArrivalHeading>
      <p>
        You are signed in as <strong>{named(own)}</strong>, and this link is another account’s. What you do
        there is done in that account: a device that you add is theirs to command.
      </p>
      <p class="caution">If you did not make the link yourself, stay who you are.</p>
      <div class="row">
        <button type="button" class="primary" onClick={() => onDecided(decided(state, false))}>
          Stay {named(own)}
        </button>
        <button type="button" onClick={() => onDecided(decided(state, true))}>
          Sign in as {named(offered)}
        </button>
      </div>
    </section>
  );
}
