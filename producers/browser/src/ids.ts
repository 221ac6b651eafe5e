/** Random ids. None is derived from a person or a device. */

const hex = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

/** 32 hexadecimal digits. */
export const randomId = (): string => hex(crypto.getRandomValues(new Uint8Array(16)));

/** A UUIDv7: 48 bits of milliseconds, the rest random. */
export function eventId(now: number): string {
  const digits = now.toString(16).padStart(12, "0") + randomId().slice(12);
  const variant = "89ab"[parseInt(digits.charAt(16), 16) & 3];
  return digits.replace(/^(.{8})(.{4}).(.{3}).(.{3})(.*)$/, `$1-$2-7$3-${variant}$4-$5`);
}
