import { render } from "preact";
import { Console } from "./console/console.tsx";
import { SignedIn } from "./signed-in.tsx";

/** The web console, at `/`. */

const root = document.getElementById("app");
if (root !== null)
  render(
    <SignedIn current="/" why="Your devices are shown once you are signed in.">
      {(client) => <Console client={client} />}
    </SignedIn>,
    root,
  );
