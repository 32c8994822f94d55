import { render } from "preact";
import { DevicePage } from "./device-page.tsx";

const root = document.getElementById("app");
if (root !== null) render(<DevicePage />, root);
