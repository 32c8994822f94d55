import { render } from "preact";
import { Page } from "../components.tsx";

const root = document.getElementById("app");
if (root !== null)
  render(
    <Page current="/device" narrow>
      <p>device</p>
    </Page>,
    root,
  );
