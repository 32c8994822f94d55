import { useCallback, useEffect, useReducer, useRef, useState } from "preact/hooks";
import { Device } from "../../agent/device.ts";
import { tabHandlers } from "./handlers.ts";
import type { OwnDevice } from "./own-device.ts";
import { type Question, Questions } from "./questions.ts";
import { readSettings } from "./settings.ts";
import { after, type DeviceState, NOT_STARTED } from "./state.ts";

/** A device at work. */
export interface AtWork {
  state: DeviceState;
  /** What waits for the person, the oldest first. */
  questions: readonly Question[];
  /** Connects now: what was to be tried later, or again after the device has stopped. */
  connect: () => void;
}

/** Runs the device for as long as the component is there. The page's own state becomes the device's presence. */
export function useDevice({ deviceId, privateKey }: OwnDevice): AtWork {
  const [state, tell] = useReducer(after, NOT_STARTED);
  const [questions, setQuestions] = useState<readonly Question[]>([]);
  const running = useRef<Device>(null);

  useEffect(() => {
    const device = new Device({
      service: location.origin,
      identity: { deviceId, privateKey, algorithm: "ES256" },
      handlers: tabHandlers(new Questions(setQuestions), readSettings),
      onEvent: (event) => tell({ event, now: Date.now() }),
    });
    running.current = device;
    const turned = (): void => {
      const isSeen = document.visibilityState === "visible";
      device.presence(isSeen ? "active" : "standby");
      if (isSeen) device.wake();
    };
    const woke = (): void => device.wake();
    const returned = ({ persisted }: PageTransitionEvent): void => {
      if (persisted) device.start();
    };
    // Whoever waits for an answer is told that none will come; nothing outlives the page that could give it.
    const left = (): void => void device.stop();
    document.addEventListener("visibilitychange", turned);
    // Page Lifecycle: a frozen tab runs again.
    document.addEventListener("resume", woke);
    addEventListener("online", woke);
    addEventListener("pagehide", left);
    addEventListener("pageshow", returned);
    turned();
    device.start();
    return () => {
      document.removeEventListener("visibilitychange", turned);
      document.removeEventListener("resume", woke);
      removeEventListener("online", woke);
      removeEventListener("pagehide", left);
      removeEventListener("pageshow", returned);
      void device.stop();
    };
  }, [deviceId, privateKey]);

  const connect = useCallback(() => {
    running.current?.start();
    running.current?.wake();
  }, []);
  return { state, questions, connect };
}
