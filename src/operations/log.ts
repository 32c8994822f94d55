/**
 * The service's log: one JSON object a line, with `event` for what happened. Ids may stand in it; names, tokens,
 * payloads, addresses, queries and a device's own words may not.
 */

/** `event` is a name that never changes its meaning; whoever watches the log looks for it. */
export interface LogLine {
  event: string;
  [member: string]: string | number | boolean | null | undefined;
}

/** Something that belongs to normal work. */
export function logInfo(line: LogLine): void {
  console.log(JSON.stringify(line));
}

/** Something that somebody should look at. */
export function logFault(line: LogLine): void {
  console.error(JSON.stringify(line));
}
