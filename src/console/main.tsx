import { render } from "preact";
import { SignedIn } from "./signed-in.tsx";

const root = document.getElementById("app");
if (root !== null)
  render(
    <SignedIn current="/" why="Your devices are shown once you are signed in.">
      {() => <p>console</p>}
    </SignedIn>,
    root,
  );
