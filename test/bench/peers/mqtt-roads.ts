import { connectAsync, type MqttClient } from "mqtt";
import type { Roads } from "./server.ts";

/** Commands over MQTT 5: QoS 1, and request/response by response topic and correlation data (MQTT 5.0, 4.10). */

export const TOPIC = { away: "commands/away", there: "commands/there", calls: "calls" };

/** Connects without delay: mqtt.js leaves Nagle's algorithm on, which makes it look 20 times slower than it is. */
export async function connectMqtt(
  port: number,
  options: { clientId: string; keepsSession: boolean },
): Promise<MqttClient> {
  const client = await connectAsync({
    host: "127.0.0.1",
    port,
    protocolVersion: 5,
    clientId: options.clientId,
    clean: !options.keepsSession,
    properties: { sessionExpiryInterval: options.keepsSession ? 3_600 : 0, receiveMaximum: 65_535 },
  });
  (client.stream as unknown as { setNoDelay?: (on: boolean) => void }).setNoDelay?.(true);
  return client;
}

export async function roadsOfMqtt(port: number): Promise<Roads> {
  const client = await connectMqtt(port, { clientId: "server", keepsSession: false });
  const answersTo = `answers/${crypto.randomUUID()}`;
  const waiting = new Map<string, (result: unknown) => void>();
  client.on("message", (_topic, payload, { properties }) => {
    const id = String(properties?.correlationData);
    waiting.get(id)?.(JSON.parse(payload.toString()));
    waiting.delete(id);
  });
  await client.subscribeAsync(answersTo, { qos: 1 });
  return {
    create: async (device, body) => {
      await client.publishAsync(TOPIC[device], body, { qos: 1 });
      return crypto.randomUUID();
    },
    status: async () => null,
    call: async (body) => {
      const id = crypto.randomUUID();
      const { promise, resolve } = Promise.withResolvers<unknown>();
      waiting.set(id, resolve);
      const properties = { responseTopic: answersTo, correlationData: Buffer.from(id) };
      await client.publishAsync(TOPIC.calls, body, { qos: 1, properties });
      return await promise;
    },
  };
}
