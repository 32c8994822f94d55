import { describe } from "vitest";
import { Stage } from "./console-stage.ts";
import { newcomers } from "./newcomer.ts";
import { outages } from "./outage.ts";
import { sessions } from "./session.ts";
import { inChromium } from "./stage.ts";

/** What people meet on more than one page, with one service: starting it takes longer than most of these stories. */

inChromium("the pages", () => {
  const stage = Stage.forTests();
  describe("who is signed in", () => sessions(stage));
  describe("somebody new", () => newcomers(stage));
  describe("an outage", () => outages(stage));
});
