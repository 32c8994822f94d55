import { render } from "preact";
import { SignedIn } from "../signed-in.tsx";

const root = document.getElementById("app");
if (root !== null)
  render(
    <SignedIn current="/pair" why="Sign in to let a device join your account.">
      {() => <p>pair</p>}
    </SignedIn>,
    root,
  );
