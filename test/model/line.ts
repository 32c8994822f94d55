import type { Json } from "../stage.ts";

/** A device's end of one connection: what it was sent, in words, and what no connection may ever be sent. */
export class Line {
  readonly #socket: WebSocket;
  readonly #nameOf: (id: string) => string;
  readonly #frames: { kind: string; id: string; more: string }[] = [];
  #seen = 0;
  readonly #delivered = new Set<string>();
  readonly #answered = new Set<number>();
  #questions = 0;
  #wake: () => void = () => undefined;
  isOpen = true;
  #isBroken = false;

  constructor(socket: WebSocket, nameOf: (id: string) => string, closed: (code: number) => void) {
    this.#socket = socket;
    this.#nameOf = nameOf;
    socket.accept();
    socket.addEventListener("message", ({ data }) => {
      for (const message of [JSON.parse(String(data))].flat()) this.#take(message);
      this.#wake();
    });
    socket.addEventListener("close", ({ code }) => {
      if (!this.#isBroken) closed(code);
      this.isOpen = false;
      this.#wake();
      if (socket.readyState !== WebSocket.CLOSED && !this.#isBroken) socket.close(code);
    });
  }

  /** What has come since the step began. */
  get frames(): string[] {
    // Named late: a command may arrive before the caller has learned its id.
    return this.#frames
      .slice(this.#seen)
      .map(({ kind, id, more }) =>
        [kind, id && this.#nameOf(id), more].filter((word) => word !== "").join(" "),
      );
  }

  stepBegins(): void {
    this.#seen = this.#frames.length;
  }

  /** Says this, one after the other or in one batch; resolves when all of it has been taken in. */
  async says(messages: Json[], isBatch: boolean): Promise<void> {
    const batches = isBatch ? [messages] : messages.map((message) => [message]);
    const questions = batches.map((batch) => {
      const id = ++this.#questions;
      // The answer to a batch comes when all that is in it has been done.
      const frame = [...batch, { method: "ping", id }].map((message) => ({ jsonrpc: "2.0", ...message }));
      this.#send(JSON.stringify(frame));
      return id;
    });
    while (this.isOpen && !questions.every((id) => this.#answered.has(id)))
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
  }

  answersPing(): void {
    this.#send('{"jsonrpc":"2.0","id":"ping","error":{"code":-32601,"message":"Method not found"}}');
  }

  closes(): void {
    this.#socket.close(1000, "Bye");
  }

  /** The other end is no more, and could not say so. */
  breaks(): void {
    this.#isBroken = true;
    this.isOpen = false;
  }

  /** What is said on a closed line is lost. */
  #send(frame: string): void {
    if (this.isOpen) this.#socket.send(frame);
  }

  #take(message: Json): void {
    const { id, method, params } = message;
    if (method === "ping") this.#came("ping");
    else if (method === "cancel") this.#came("cancel", params.id);
    else if (method === "late") this.#came("late", params.id, params.status);
    else if (method !== undefined) this.#deliver(id, params.attempt);
    else if (message.error !== undefined) this.#came("refused");
    else this.#answered.add(id);
  }

  #deliver(id: string, attempt: number): void {
    this.#came("deliver", id, `#${attempt}${this.#delivered.has(id) ? " for the second time" : ""}`);
    this.#delivered.add(id);
  }

  #came(kind: string, id = "", more = ""): void {
    this.#frames.push({ kind, id, more });
  }
}
