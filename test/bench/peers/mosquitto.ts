import { mkdir, writeFile } from "node:fs/promises";
import { userInfo } from "node:os";
import { join } from "node:path";
import { freePort, programAt, startBroker } from "./broker.ts";
import { connectMqtt, TOPIC } from "./mqtt-roads.ts";
import { type Peer, serve } from "./peer.ts";

/** MQTT 5 on mosquitto with persistence; null where it is not installed. */
export async function startMosquitto(folder: string): Promise<Peer | null> {
  const program = programAt("mosquitto");
  if (program === null) return null;
  const port = await freePort();
  await mkdir(join(folder, "mosquitto"), { recursive: true });
  const config = join(folder, "mosquitto.conf");
  // Without bounds of its own on what may wait: the other contestants have none that the load meets.
  await writeFile(
    config,
    `listener ${port} 127.0.0.1
allow_anonymous true
user ${userInfo().username}
set_tcp_nodelay true
persistence true
persistence_location ${join(folder, "mosquitto")}/
max_queued_messages 0
max_inflight_messages 0
`,
  );
  const broker = await startBroker(program, ["-c", config], port);

  // A session that outlasts its connection is what makes the broker keep messages for a device that is away.
  const away = await connectMqtt(port, { clientId: "away", keepsSession: true });
  await away.subscribeAsync(TOPIC.away, { qos: 1 });
  await away.endAsync();
  const device = await connectMqtt(port, { clientId: "there", keepsSession: true });
  device.on("message", (_topic, _payload, { properties }) => {
    const { responseTopic, correlationData } = properties ?? {};
    if (responseTopic === undefined || correlationData === undefined) return;
    device.publish(responseTopic, '{"ok":1}', { qos: 1, properties: { correlationData } });
  });
  await device.subscribeAsync([TOPIC.there, TOPIC.calls], { qos: 1 });

  const server = await serve("mqtt", port);
  return {
    name: "MQTT 5, mosquitto",
    promises:
      "acknowledged from memory: the store is written every 30 minutes and at a clean stop, so a crash loses what came since; no status of a message",
    origin: server.origin,
    tellsStatus: false,
    stop: async () => {
      await server.stop();
      await device.endAsync(true);
      await broker.stop();
    },
  };
}
