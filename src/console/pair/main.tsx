import { render } from "preact";
import { SignedIn } from "../signed-in.tsx";
import { PairPage } from "./pair-page.tsx";

const root = document.getElementById("app");
if (root !== null)
  render(
    <SignedIn current="/pair" why="Sign in to let a device join your account." narrow>
      {(client) => <PairPage client={client} />}
    </SignedIn>,
    root,
  );
