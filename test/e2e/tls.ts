import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { type AddressInfo, connect } from "node:net";
import { pipeline } from "node:stream/promises";
import { createServer, getCACertificates, setDefaultCACertificates, type TLSSocket } from "node:tls";

/** Where TLS is terminated, as it is in front of a deployed service. */
export interface Terminator {
  origin: string;
  host: string;
  close(): Promise<void>;
}

/** Terminates TLS for a service on loopback. From then on this thread trusts the tests' certificate. */
export async function terminateTls(service: string): Promise<Terminator> {
  const pem = await readFile(new URL("localhost.pem", import.meta.url), "utf8");
  setDefaultCACertificates([
    ...getCACertificates("default"),
    pem.slice(pem.indexOf("-----BEGIN CERTIFICATE")),
  ]);
  const { hostname: host, port } = new URL(service);
  const open = new Set<TLSSocket>();
  const server = createServer({ key: pem, cert: pem }, (socket) => {
    open.add(socket);
    // Either end may break off at any time; the other is then broken off, too.
    void pipeline(socket, connect(Number(port), host), socket)
      .catch(() => {})
      .finally(() => open.delete(socket));
  });
  server.listen(0, host);
  await once(server, "listening");
  return {
    origin: `https://${host}:${(server.address() as AddressInfo).port}`,
    host,
    async close() {
      const closed = once(server, "close");
      server.close();
      for (const socket of open) socket.destroy();
      await closed;
    },
  };
}
