import http from "node:http";

/** A request, as plain data. */
export interface Question {
  method: "GET" | "POST";
  url: string;
  headers?: Record<string, string>;
  body?: string;
}

export interface Answer {
  status: number;
  text: string;
}

/** Connections that are kept alive, as any client of a service under load keeps them. */
export function connections(atOnce: number): http.Agent {
  return new http.Agent({ keepAlive: true, maxSockets: atOnce });
}

/** Asks. `node:http` costs a third of what `fetch` does, and the load shares the machine with what it measures. */
export function ask({ method, url, headers = {}, body }: Question, agent: http.Agent): Promise<Answer> {
  const length = body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) };
  const options = { method, agent, headers: { ...headers, ...length } };
  return new Promise((resolve, reject) => {
    const request = http.request(url, options, (response) => {
      let text = "";
      response
        .setEncoding("utf8")
        .on("data", (chunk: string) => (text += chunk))
        .on("end", () => resolve({ status: response.statusCode ?? 0, text }))
        .on("error", reject);
    });
    request.on("error", reject).end(body);
  });
}

/** Asks for JSON; throws where the answer is another than this status. */
// biome-ignore lint/suspicious/noExplicitAny: the bench reads whatever members it expects.
export async function askJson(question: Question, status: number, agent: http.Agent): Promise<any> {
  const answer = await ask(question, agent);
  if (answer.status !== status) throw new WrongAnswer(question, answer, `status ${status}`);
  return JSON.parse(answer.text);
}

/** Something answered what it should not have: figures that were taken beside it mean nothing. */
export class WrongAnswer extends Error {
  override readonly name = "WrongAnswer";

  constructor({ method, url }: Question, { status, text }: Answer, expected: string) {
    super(`${method} ${url} answered ${status} ${text.slice(0, 300)}, where ${expected} was expected.`);
  }
}
