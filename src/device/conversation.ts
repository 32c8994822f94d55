import { Allowance, Connection } from "./connection.ts";
import type { Dispatch } from "./dispatch.ts";
import {
  CLOSE,
  errorFrame,
  lateFrame,
  type Message,
  type Presence,
  parseFrame,
  type RequestId,
  RPC_ERROR,
  resultFrame,
} from "./protocol.ts";

/** What a device says, over a socket or over HTTP, and what it is answered. */
export class Conversation {
  readonly allowance = new Allowance();
  readonly #dispatch: Dispatch;
  readonly #setPresence: (presence: Presence) => void;

  constructor(dispatch: Dispatch, setPresence: (presence: Presence) => void) {
    this.#dispatch = dispatch;
    this.#setPresence = setPresence;
  }

  /** Hears a frame from a socket, and answers there. Closes it where the device says too much. */
  async overSocket(socket: WebSocket, data: string | ArrayBuffer): Promise<void> {
    const connection = new Connection(socket);
    connection.heard();
    if (typeof data !== "string") {
      connection.send(errorFrame(null, RPC_ERROR.invalidRequest, "Frames are text."));
      return;
    }
    const { messages, isBatch } = parseFrame(data);
    const answers = await this.#hear(messages, (notice) => connection.send(notice));
    if (answers === null) connection.close(CLOSE.flooded, "Too many messages.");
    else if (answers.length > 0) connection.send(isBatch ? batchOf(answers) : answers.join());
  }

  /** Hears a body; answers with the JSON that is owed, if any, null where the device says too much, or with a fault. */
  async overHttp(text: string): Promise<{ answer: string | null } | { fault: string } | null> {
    const { messages, isBatch, fault } = parseFrame(text);
    if (fault !== null) return { fault };
    const notices: string[] = [];
    const answers = await this.#hear(messages, (notice) => notices.push(notice));
    if (answers === null) return null;
    const frames = [...notices, ...answers];
    if (frames.length === 0) return { answer: null };
    return { answer: isBatch || frames.length > 1 ? batchOf(frames) : frames.join() };
  }

  /** Hears messages, and says what they are answered; null where the device says too much. */
  async #hear(messages: Message[], notify: (notice: string) => unknown): Promise<string[] | null> {
    if (!this.allowance.take(messages.length, Date.now())) return null;
    const answers = await Promise.all(messages.map((message) => this.#receive(message, notify)));
    return answers.filter((answer) => answer !== null);
  }

  /** Does what a message asks, and says what it is answered: null where it wants no answer. */
  async #receive(message: Message, notify: (notice: string) => unknown): Promise<string | null> {
    switch (message.type) {
      case "answer":
        return message.frame;
      case "alive":
        return null;
      case "presence":
        this.#setPresence(message.state);
        return answerTo(message.request);
      case "report": {
        const { commandId, report, request } = message;
        const receipt = await this.#dispatch.hear(commandId, report);
        if (receipt === null) {
          const words = `This device has no command "${commandId.slice(0, 64)}".`;
          return errorFrame(request, RPC_ERROR.invalidParams, words);
        }
        if (receipt !== "kept" && receipt.late) notify(lateFrame(commandId, receipt.status));
        return answerTo(request);
      }
    }
  }
}

function batchOf(frames: string[]): string {
  return `[${frames.join(",")}]`;
}

/** Most of what a device says is a notification; one that asks for an answer gets an empty one. */
function answerTo(request: RequestId): string | null {
  return request === null ? null : resultFrame(request, null);
}
