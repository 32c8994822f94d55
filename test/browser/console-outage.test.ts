import { expect, test } from "vitest";
import { APP_SERVICE, Caller } from "../e2e/stage.ts";
import { connected, reads, Stage, statusesIn, viewOf } from "./console-stage.ts";
import { inChromium } from "./stage.ts";

/** The console while the service is away. */

inChromium("the console in an outage", () => {
  const stage = Stage.forTests();

  test("a service that goes away is told, what was read stays in its place, and it is found again by itself", async () => {
    const caller = await Caller.of(stage.service);
    const end = Promise.withResolvers<void>();
    const { id } = await connected(caller, { appService: () => end.promise });
    const command = await caller.send(id, APP_SERVICE);
    await caller.reaches(command, "executing");
    const phone = { viewport: { width: 360, height: 740 }, expects: [/net::ERR_/] };
    const devices = await stage.signedIn(caller, phone);
    await devices.getByText("Online").waitFor();
    const watching = await stage.signedIn(caller, phone, viewOf(command));
    await reads(watching, "executing");
    const heading = watching.getByRole("heading", { level: 1 });
    await watching.getByRole("link", { name: "Test device" }).waitFor();
    const place = await heading.boundingBox();

    await stage.serviceEnds();
    await devices.getByText("The service does not answer").waitFor();
    await watching.getByText("The service does not answer").waitFor();
    await watching.getByText("Broken; trying again").waitFor();
    expect(await heading.boundingBox()).toEqual(place);
    await devices.getByText("Online").waitFor();
    await reads(watching, "executing");

    await stage.serviceReturns();
    await devices.getByText("Live", { exact: true }).waitFor();
    await devices.getByText("Online").waitFor();
    await watching.getByText("Broken; trying again").waitFor({ state: "detached" });
    end.resolve();
    await reads(watching, "completed");
    expect(await statusesIn(watching)).toEqual(["requesting", "sentToTarget", "executing", "completed"]);
  });
});
