import { closeSync, fsyncSync, mkdirSync, openSync, writeSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { crc32c } from "./crc.ts";
import { bytesField, doubleField, floatField, intField, type ProtobufField } from "./protobuf.ts";

// Enough for some thousand scalars; a crash loses at most that much.
const BUFFER_BYTES = 64 * 1024;

/**
 * Writes scalars and pictures for TensorBoard into a new file of the folder: `events.out.tfevents.<unix>.<host>`.
 * Each run gets a file of its own, and TensorBoard shows all files of a folder as one curve.
 * Records are buffered: call `flush` where they should be seen, and `close` at the end.
 * Formats: TFRecord framing, and tensorflow/core/util/event.proto and framework/summary.proto.
 */
export class EventWriter {
  readonly path: string;
  #fd: number | null;
  #pending: Uint8Array[] = [];
  #pendingBytes = 0;

  /** Makes the folder if it is missing. */
  constructor(folder: string) {
    mkdirSync(folder, { recursive: true });
    const opened = openNewFile(folder, Date.now() / 1000);
    this.path = opened.path;
    this.#fd = opened.fd;
    this.#write([doubleField(1, Date.now() / 1000), bytesField(3, "brain.Event:2")]);
    this.flush();
  }

  /** One point of the curve `tag`. `wallTime` is in seconds since 1970, and now if it is left out. */
  scalar(tag: string, value: number, step: number, wallTime: number = Date.now() / 1000): void {
    this.#summary([bytesField(1, tag), floatField(2, value)], { step, wallTime });
  }

  /** A picture: an encoded PNG and its size in pixels. */
  image(
    tag: string,
    png: Uint8Array,
    {
      step,
      width,
      height,
      wallTime = Date.now() / 1000,
    }: { step: number; width: number; height: number; wallTime?: number },
  ): void {
    // Colour space 3 is RGB; viewers go by what the PNG says.
    const picture = [intField(1, height), intField(2, width), intField(3, 3), bytesField(4, png)];
    this.#summary([bytesField(1, tag), bytesField(4, picture)], { step, wallTime });
  }

  /** Says that the run starts again at this step: viewers forget what older files have from there on. */
  restart(step: number): void {
    // A SessionLog with status START; its event's step is where the purge begins.
    this.#write([doubleField(1, Date.now() / 1000), intField(2, step), bytesField(7, [intField(1, 1)])]);
  }

  /** Writes what is buffered to the file. */
  flush(): void {
    const fd = this.#openFd();
    const bytes = Buffer.concat(this.#pending);
    this.#pending = [];
    this.#pendingBytes = 0;
    for (let done = 0; done < bytes.byteLength;) done += writeSync(fd, bytes, done);
  }

  /** Flushes and closes the file. A second call does nothing; writing after it throws. */
  close(): void {
    if (this.#fd === null) return;
    this.flush();
    fsyncSync(this.#fd);
    closeSync(this.#fd);
    this.#fd = null;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #summary(value: ProtobufField[], { step, wallTime }: { step: number; wallTime: number }): void {
    this.#write([doubleField(1, wallTime), intField(2, step), bytesField(5, [bytesField(1, value)])]);
  }

  #write(event: ProtobufField[]): void {
    this.#openFd();
    const record = frameRecord(Buffer.concat(event));
    this.#pending.push(record);
    this.#pendingBytes += record.byteLength;
    if (this.#pendingBytes >= BUFFER_BYTES) this.flush();
  }

  #openFd(): number {
    if (this.#fd === null) throw new Error(`${this.path} is closed; make a new EventWriter to write more`);
    return this.#fd;
  }
}

/** One TFRecord: length (uint64), masked CRC-32C of the length, the bytes, masked CRC-32C of the bytes. */
export function frameRecord(data: Uint8Array): Uint8Array {
  const record = Buffer.alloc(16 + data.byteLength);
  record.writeBigUInt64LE(BigInt(data.byteLength), 0);
  record.writeUInt32LE(maskedCrc(record.subarray(0, 8)), 8);
  record.set(data, 12);
  record.writeUInt32LE(maskedCrc(data), 12 + data.byteLength);
  return record;
}

/** TFRecord rotates the checksum, as one of bytes that hold checksums themselves is weak. */
function maskedCrc(bytes: Uint8Array): number {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

/** Two runs may start in the same second: the later one counts up. */
function openNewFile(folder: string, seconds: number): { path: string; fd: number } {
  const host = hostname().replaceAll(/[^\w.-]/g, "_");
  for (let unix = Math.floor(seconds); ; unix += 1) {
    const path = join(folder, `events.out.tfevents.${unix}.${host}`);
    try {
      return { path, fd: openSync(path, "ax") };
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
    }
  }
}
