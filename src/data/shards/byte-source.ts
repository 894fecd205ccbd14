import type { RequestOptions } from "../../io/http.ts";

/** A file of which any part can be read, here or on another machine. Keeps nothing open between two reads. */
export type ByteSource = {
  /** As messages call it: a path, or an address without its question, which may hold a key. */
  readonly name: string;
  /** Where it lies, in full. */
  readonly location: string;
  /** Bytes. */
  readonly size: number;
  /** Another one where the content is another: what was learnt of the file holds as long as this stays. */
  readonly version: string;
  /** Bytes that are best asked for at a time by who reads all of it. */
  readonly window: number;
  /** Exactly these bytes, in memory of their own. Throws where the file ends before, or is not the one that was opened. */
  read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>>;
};

/** How addresses are asked. */
export type ByteOptions = RequestOptions;

/** Whether this is an address and no path. */
export function isAddress(location: string): boolean {
  return /^https?:\/\//i.test(location);
}

/** Before memory is taken: a length may come from a damaged file. */
export function checkRange({ name, size }: { name: string; size: number }, offset: number, length: number): void {
  if (offset >= 0 && length >= 0 && offset + length <= size) return;
  throw new Error(
    `${name} has ${size} bytes, but ${length} bytes at ${offset} were expected: ` +
      "the file is cut short or damaged; copy or download it again",
  );
}

/** The error for a file that is not the one that was opened. */
export function changed(name: string): Error {
  return new Error(`${name} was changed while it was being read; run the same command again`);
}
