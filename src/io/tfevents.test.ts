import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { crc32, crc32c } from "./crc.ts";
import { intField } from "./protobuf.ts";
import { EventWriter, frameRecord } from "./tfevents.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tfevents-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

type Fields = Map<number, number | Buffer>;

function decodeMessage(bytes: Buffer): Fields {
  const fields: Fields = new Map();
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = bytes.readUInt8(at);
      at += 1;
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.byteLength) {
    const tag = varint();
    const wireType = tag & 7;
    if (wireType === 0) fields.set(tag >> 3, varint());
    else if (wireType === 1) fields.set(tag >> 3, bytes.readDoubleLE((at += 8) - 8));
    else if (wireType === 5) fields.set(tag >> 3, bytes.readFloatLE((at += 4) - 4));
    else {
      const length = varint();
      fields.set(tag >> 3, bytes.subarray(at, (at += length)));
    }
  }
  return fields;
}

function message(fields: Fields, field: number): Fields {
  const value = fields.get(field);
  if (!(value instanceof Buffer)) throw new Error(`field ${field} is no message`);
  return decodeMessage(value);
}

// As TensorFlow's crc32c.h has it.
function unmask(masked: number): number {
  const rotated = (masked - 0xa282ead8) >>> 0;
  return ((rotated >>> 17) | (rotated << 15)) >>> 0;
}

function readEvents(path: string): Fields[] {
  const bytes = readFileSync(path);
  const events: Fields[] = [];
  for (let at = 0; at < bytes.byteLength;) {
    const length = Number(bytes.readBigUInt64LE(at));
    const data = bytes.subarray(at + 12, at + 12 + length);
    expect(unmask(bytes.readUInt32LE(at + 8))).toBe(crc32c(bytes.subarray(at, at + 8)));
    expect(unmask(bytes.readUInt32LE(at + 12 + length))).toBe(crc32c(data));
    events.push(decodeMessage(data));
    at += 16 + length;
  }
  return events;
}

describe("TensorBoard events", () => {
  test("checksums match the published vectors", () => {
    expect(crc32c(Buffer.from("123456789"))).toBe(0xe3069283);
    expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa); // RFC 3720, B.4
    expect(crc32(Buffer.from("123456789"))).toBe(0xcbf43926);
  });

  test("a file starts with the bytes that TensorFlow writes", () => {
    const event = Buffer.from("091c04e21c7b1fd8411a0d627261696e2e4576656e743a32", "hex");
    // The length 24 and its masked checksum are how every event file starts.
    expect(Buffer.from(frameRecord(event)).subarray(0, 12).toString("hex")).toBe("1800000000000000a37f4b22");
  });

  test("scalars and pictures are found again with tag, step, time and value", () => {
    const writer = new EventWriter(join(folder, "deep"));
    expect(basename(writer.path)).toMatch(/^events\.out\.tfevents\.\d{10}\../);
    writer.scalar("train/loss", 0.5, 2 ** 40, 1234.5);
    writer.scalar("bad", Number.NaN, 0);
    writer.image("samples", Uint8Array.of(1, 2, 3), { step: 7, width: 300, height: 2, wallTime: 9 });
    writer.close();
    writer.close();
    const [version, scalar, bad, image] = readEvents(writer.path);
    if (!version || !scalar || !bad || !image) throw new Error("events are missing");
    expect(version.get(3)).toEqual(Buffer.from("brain.Event:2"));
    expect([scalar.get(1), scalar.get(2)]).toEqual([1234.5, 2 ** 40]);
    const value = message(message(scalar, 5), 1);
    expect([value.get(1), value.get(2)]).toEqual([Buffer.from("train/loss"), 0.5]);
    expect(message(message(bad, 5), 1).get(2)).toBeNaN();
    const picture = message(message(message(image, 5), 1), 4);
    expect([...picture]).toEqual([
      [1, 2],
      [2, 300],
      [3, 3],
      [4, Buffer.from([1, 2, 3])],
    ]);
    expect(() => writer.scalar("x", 1, 1)).toThrow(/is closed/);
  });

  test("two writers in one second get two files, and flushed events are there at once", () => {
    using first = new EventWriter(folder);
    using second = new EventWriter(folder);
    expect(second.path).not.toBe(first.path);
    first.scalar("a", 1, 1);
    expect(readEvents(first.path)).toHaveLength(1);
    first.flush();
    expect(readEvents(first.path)).toHaveLength(2);
  });

  test("a step that is no whole number is refused", () => {
    using writer = new EventWriter(folder);
    for (const step of [-1, 0.5, Number.NaN]) expect(() => writer.scalar("a", 1, step)).toThrow(/whole number/);
    expect([...intField(1, 300)]).toEqual([8, 0xac, 2]);
  });

  test("a restart tells viewers from which step on older points are void", () => {
    const writer = new EventWriter(folder);
    writer.restart(300);
    writer.close();
    const [, event] = readEvents(writer.path);
    expect(event?.get(2)).toBe(300);
    expect(message(event ?? new Map(), 7).get(1)).toBe(1); // SessionLog.START
  });
});
