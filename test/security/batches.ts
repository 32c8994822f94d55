import * as fc from "fast-check";
import type { DescribedOperation, Description } from "../described.ts";
import type { Json } from "../stage.ts";
import { type Plan, plansFor, plansOf } from "./plans.ts";

/** Batches of the same requests: one that is no part of any other is drawn as a part is. */

const BATCH = "sendBatch";

/** Any request, a batch of some of them included. */
export function anyPlan(description: Description): fc.Arbitrary<Plan> {
  const batch = description.operation(BATCH);
  return fc.oneof(
    { weight: 15, arbitrary: plansOf(description) },
    { weight: 1, arbitrary: batchesOf(description, batch) },
  );
}

function batchesOf(description: Description, batch: DescribedOperation): fc.Arbitrary<Plan> {
  const parts = fc.array(fc.tuple(plansOf(description), fc.boolean()), { minLength: 1, maxLength: 4 });
  return fc
    .tuple(plansFor(description, batch), parts)
    .map(([plan, drawn]) => (plan.body === null ? plan : withParts(plan, drawn)));
}

function withParts(plan: Plan, drawn: readonly [Plan, boolean][]): Plan {
  // They are done at once: what is right for each may be wrong after another.
  const parts = drawn.map(([part]) => ({ ...part, isPlain: false }));
  const requests = drawn.map(([part, depends], at) => ({
    ...asPart(part),
    id: `part ${at}`,
    ...(depends && at > 0 && { dependsOn: [`part ${at - 1}`] }),
  }));
  const body = {
    text: JSON.stringify({ requests }),
    type: "application/json",
    isExample: false,
  };
  const headers = plan.headers.filter(([name]) => name !== "Content-Type");
  return {
    ...plan,
    headers: [...headers, ["Content-Type", body.type]],
    body: { ...body, parts },
    isPlain: false,
  };
}

/** A request as it stands in a batch: a body that is not JSON as text in base64. */
function asPart({ method, path, headers, body }: Plan): Json {
  const own = Object.fromEntries(headers);
  if (body === null) return { method, url: path, headers: own };
  try {
    return { method, url: path, headers: own, body: JSON.parse(body.text) };
  } catch {
    const bytes = new TextEncoder().encode(body.text);
    return { method, url: path, headers: own, body: btoa(String.fromCharCode(...bytes)) };
  }
}
