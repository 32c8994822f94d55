import { expect, test } from "vitest";
import { ANSWERS_KEPT, Answers } from "../../src/agent/answers.ts";

test("the oldest answer that has arrived is forgotten first", () => {
  const answers = new Answers();
  for (let i = 0; i < ANSWERS_KEPT; i++) answers.keep(`c${i}`, `answer ${i}`);
  for (let i = 1; i < ANSWERS_KEPT; i++) answers.arrived(`c${i}`);
  answers.keep("new", "answer");
  expect(answers.frame("c0")).toBe("answer 0");
  expect(answers.frame("c1")).toBeUndefined();
  expect(answers.frame("c2")).toBe("answer 2");
});

test("an answer that may not have arrived is never forgotten", () => {
  const answers = new Answers();
  for (let i = 0; i < 2 * ANSWERS_KEPT; i++) answers.keep(`c${i}`, "answer");
  expect(answers.owed()).toHaveLength(2 * ANSWERS_KEPT);
});
