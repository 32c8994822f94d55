import type { VNode } from "preact";
import { useId } from "preact/hooks";
import { ActionButton } from "../components.tsx";
import { ForeignText } from "../foreign-text.tsx";
import { declined, type NotAtOnce, notAuthorized, type Question, type Subject } from "./questions.ts";

/** Characters of others' words that are shown; the rest is counted. */
const SHOWN_LENGTH = 600;

const NOT_AT_ONCE: Record<NotAtOnce, string> = {
  blocked: "The browser did not let it open by itself. Allow pop-ups for this page, and it will.",
  ownPage: "It is a page of this very service, where links can sign people in: that is never opened unasked.",
};

/** A question in words: what is asked, and the words of others that it is about. */
export function wordsOf(subject: Subject): { title: string; text: string } {
  switch (subject.type) {
    case "open": {
      const { protocol, host } = new URL(subject.uri);
      const title = /^https?:$/.test(protocol)
        ? `Open a page of ${host}?`
        : `Open this with the app for “${protocol}”?`;
      return { title, text: subject.uri };
    }
    case "copy":
      return { title: "Copy this to the clipboard?", text: subject.text };
    case "notify":
      return { title: "Show this notification?", text: `${subject.title}\n${subject.body}` };
  }
}

/** One question, with the ways to answer it. */
export function QuestionCard({ question }: { question: Question }): VNode {
  const heading = useId();
  const { title, text } = wordsOf(question.subject);
  const answer = (act: () => void): void => {
    act();
    // The card goes; whoever uses the keyboard is not to begin at the top of the page.
    document.getElementById("received")?.focus();
  };
  return (
    <article class="question" aria-labelledby={heading}>
      <h3 id={heading} class="wrap">
        {title}
      </h3>
      <p class="given">
        <ForeignText most={SHOWN_LENGTH}>{text}</ForeignText>
        {text.length > SHOWN_LENGTH && (
          <span class="quiet"> and {text.length - SHOWN_LENGTH} more characters</span>
        )}
      </p>
      {question.subject.type === "open" && question.subject.notAtOnce !== null && (
        <p class="quiet small">{NOT_AT_ONCE[question.subject.notAtOnce]}</p>
      )}
      <Answers question={question} answer={answer} />
    </article>
  );
}

function Answers({ question, answer }: { question: Question; answer: (act: () => void) => void }): VNode {
  const { subject, done, refuse } = question;
  switch (subject.type) {
    case "open":
      return (
        <div class="row">
          <a
            class="button primary"
            href={subject.uri}
            target="_blank"
            rel="noopener noreferrer"
            // The browser follows the link while it still stands there.
            onClick={() => setTimeout(answer, 0, done)}
            onAuxClick={({ button }) => button === 1 && setTimeout(answer, 0, done)}
          >
            Open
          </a>
          <button type="button" onClick={() => answer(() => refuse(declined()))}>
            Decline
          </button>
        </div>
      );
    case "copy": {
      const copy = async (): Promise<void> => {
        const written = await navigator.clipboard.writeText(subject.text).then(
          () => true,
          () => false,
        );
        answer(() => (written ? done() : refuse(notAuthorized("The browser lets nothing be copied."))));
      };
      return (
        <div class="row">
          <ActionButton class="primary" action={copy}>
            Copy
          </ActionButton>
          <button
            type="button"
            onClick={() => answer(() => refuse(notAuthorized("The person at the device declined.")))}
          >
            Decline
          </button>
        </div>
      );
    }
    case "notify": {
      const allow = async (): Promise<void> => {
        const permission = await Notification.requestPermission();
        if (permission === "granted") answer(done);
        else if (permission === "denied")
          answer(() => refuse(notAuthorized("Notifications are blocked in this browser.")));
      };
      return (
        <div class="row">
          <ActionButton class="primary" action={allow}>
            Allow notifications
          </ActionButton>
          <button
            type="button"
            onClick={() => answer(() => refuse(notAuthorized("The person at the device declined.")))}
          >
            Decline
          </button>
        </div>
      );
    }
  }
}
