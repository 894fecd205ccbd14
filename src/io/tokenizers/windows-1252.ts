/**
 * What windows-1252 has at bytes 0x80 to 0x9f, where Latin-1 has the C1 controls; above 0x9f the two are the same.
 * Its five empty places stay C1 controls. Written out because Node 20's `TextDecoder("windows-1252")` reads Latin-1.
 */
export const WINDOWS_1252_80_TO_9F = "€\x81‚ƒ„…†‡ˆ‰Š‹Œ\x8dŽ\x8f\x90‘’“”•–—˜™š›œ\x9džŸ";

/** The windows-1252 character of a byte from 0x80 to 0x9f. */
export function windows1252Character(byte: number): string {
  return WINDOWS_1252_80_TO_9F.charAt(byte - 0x80);
}
