/** A UUIDv7 (RFC 9562): its order is that of making, which keeps index pages together. */
export function newId(): string {
  const random = (bits: number) => Math.floor(Math.random() * 2 ** bits);
  const hex = (value: number, digits: number) => value.toString(16).padStart(digits, "0");
  const time = hex(Date.now(), 12);
  return [
    time.slice(0, 8),
    time.slice(8),
    `7${hex(random(12), 3)}`,
    hex(0x8000 | random(14), 4),
    hex(random(24), 6) + hex(random(24), 6),
  ].join("-");
}
