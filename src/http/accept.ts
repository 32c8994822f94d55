/**
 * How welcome a media type is in an Accept header (RFC 9110, 12.5.1): its weight from 0, not at all, to 1. The most
 * specific range that matches decides; without a header everything is welcome.
 */
export function weightOf(type: string, header: string | undefined): number {
  if (header === undefined || header.trim() === "") return 1;
  const ranges = [type, `${type.split("/")[0]}/*`, "*/*"];
  const weights = new Map<string, number>();
  for (const part of header.split(",")) {
    const [range = "", ...parameters] = part.split(";").map((word) => word.trim().toLowerCase());
    const weight = Number(parameters.find((parameter) => parameter.startsWith("q="))?.slice(2) ?? 1);
    weights.set(range, Math.max(weights.get(range) ?? 0, Number.isFinite(weight) ? weight : 0));
  }
  const matching = ranges.find((range) => weights.has(range));
  return matching === undefined ? 0 : (weights.get(matching) ?? 0);
}

/** Whether a header names a type itself, and not only a range that holds it. */
export function names(type: string, header: string | undefined): boolean {
  return (header ?? "")
    .toLowerCase()
    .split(",")
    .some((part) => part.split(";")[0]?.trim() === type);
}
