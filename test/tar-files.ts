/** Tar archives for tests, with whatever can be in one. */

export type TarEntry = {
  name: string;
  data?: Uint8Array | string;
  /** The kind of member; a file by default. */
  type?: string;
  /** What the header's size field holds; by default the data's length in octal digits. */
  size?: Uint8Array;
  /** The front of a long path, as ustar has it. */
  prefix?: string;
};

/** An archive of these members, its mark of the end behind. */
export function tar(entries: readonly TarEntry[]): Buffer {
  return Buffer.concat([...entries.map(tarEntry), Buffer.alloc(1024)]);
}

export function tarEntry({ name, data = "", type = "0", size, prefix = "" }: TarEntry): Buffer {
  const bytes = typeof data === "string" ? Buffer.from(data) : data;
  const header = Buffer.alloc(512);
  header.write(name, 0, 100);
  header.write("0000644\0", 100);
  header.write(`${bytes.length.toString(8).padStart(11, "0")}\0`, 124);
  if (size) header.set(size, 124);
  header.write("        ", 148);
  header.write(type, 156);
  header.write("ustar\u000000", 257);
  header.write(prefix, 345, 155);
  writeSum(header);
  return Buffer.concat([header, bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)]);
}

/** Makes the sums of all headers right again, so that a changed archive gets past them. */
export function repairSums(bytes: Buffer): void {
  for (let at = 0; at + 512 <= bytes.length; at += 512) {
    if (bytes.toString("latin1", at + 257, at + 262) === "ustar") writeSum(bytes.subarray(at, at + 512));
  }
}

function writeSum(header: Buffer): void {
  header.write("        ", 148);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
}

/** A pax extension: `paxEntry({ path: "long" })`; with "g" one for all members that follow. */
export function paxEntry(records: Readonly<Record<string, string>>, type = "x"): TarEntry {
  const lines = Object.entries(records).map(([key, value]) => {
    const rest = Buffer.byteLength(` ${key}=${value}\n`);
    let length = rest + 1;
    while (String(length).length + rest !== length) length += 1;
    return `${length} ${key}=${value}\n`;
  });
  return { name: "PaxHeaders/extension", type, data: lines.join("") };
}

/** GNU's way to give a long name to the next member. */
export function longName(name: string): TarEntry {
  return { name: "././@LongLink", type: "L", data: `${name}\0` };
}

/** A size to the base of 256, as archives have it from 8 GiB on. */
export function binarySize(size: number): Uint8Array {
  const field = Buffer.alloc(12);
  field[0] = 0x80;
  field.writeBigUInt64BE(BigInt(size), 4);
  return field;
}
