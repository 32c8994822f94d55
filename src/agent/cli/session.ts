import { setTimeout as wait } from "node:timers/promises";
import { Client } from "../../client/client.ts";
import { ServiceError, ServiceGone } from "../../client/service-error.ts";
import { type GlobalOptions, isLocal, serviceOf } from "./address.ts";
import { type Credentials, credentialsFor, howToGetToken } from "./credentials.ts";
import { EXIT, Exit, messageOf } from "./exit.ts";
import { err } from "./screen.ts";
import { readSettings } from "./settings.ts";
import { lengthOf } from "./text.ts";

/** The longest that a busy service is waited for unasked, in seconds; beyond, its words say when to come back. */
const PATIENCE_SECONDS = 30;

/** A person's dealings with one service, from one command line. */
export class Session {
  readonly client: Client;
  readonly origin: string;
  readonly json: boolean;
  readonly #credentials: Credentials;
  /** What a command line that is proposed needs to mean the same service. */
  readonly #named: string;

  private constructor(origin: string, credentials: Credentials, options: GlobalOptions) {
    this.origin = origin;
    this.client = new Client({ service: origin, token: credentials.token });
    this.json = options.json === true;
    this.#credentials = credentials;
    this.#named = options.service === undefined ? "" : ` --service ${origin}`;
  }

  /** Throws `Exit` where there is no such service, or no token for it. */
  static async open(options: GlobalOptions): Promise<Session> {
    const settings = await readSettings();
    const origin = serviceOf(options, settings);
    return new Session(origin, await credentialsFor(origin, options, settings), options);
  }

  /** A command line that can be pasted. */
  proposal(words: string): string {
    return `appia ${words}${this.#named}`;
  }

  /** One call; it is repeated where the service asks for a little patience. Throws `Exit`. */
  async ask<T>(call: (client: Client) => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await call(this.client);
      } catch (error) {
        const seconds = error instanceof ServiceError && error.status === 429 ? error.retryAfter : null;
        if (seconds === null || seconds > PATIENCE_SECONDS) throw this.explained(error);
        err.print(`The service asks to wait ${lengthOf(seconds * 1_000)}.`);
        await wait(Math.max(1, seconds) * 1_000);
      }
    }
  }

  /** What went wrong, and what helps. */
  explained(error: unknown): unknown {
    if (error instanceof ServiceGone) return this.#gone(error);
    if (!(error instanceof ServiceError)) return error;
    const { status, message, retryAfter } = error;
    if (status === 401 || status === 403) {
      const helps =
        status === 403 && isLocal(this.origin)
          ? 'A wider one: appia token --scope "Device.ReadWrite Device.Command"'
          : howToGetToken(this.origin);
      return new Exit(EXIT.failed, `${message} The token was ${this.#credentials.source}. ${helps}`);
    }
    if (status === 429 && retryAfter !== null) {
      return new Exit(EXIT.failed, `${message} Try again in ${lengthOf(retryAfter * 1_000)}.`);
    }
    return new Exit(EXIT.failed, message);
  }

  #gone(error: ServiceGone): Exit {
    const reason = error.cause instanceof Error ? messageOf(error.cause) : error.message;
    const helps = isLocal(this.origin)
      ? 'Start the service in the project\'s folder with "npm start" or "npm run dev", or name another with --service.'
      : "Is the address right (--service, APPIA_SERVICE, appia service), and the network up?";
    return new Exit(EXIT.failed, `${this.origin} does not answer: ${reason}. ${helps}`);
  }
}
