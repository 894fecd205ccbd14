import { describe, expect, test } from "vitest";
import { mutate } from "../../../test/mutate.ts";
import { binarySize, longName, paxEntry, repairSums, tar, tarEntry, type TarEntry } from "../../../test/tar-files.ts";
import { Random } from "../../random.ts";
import type { ByteSource } from "./byte-source.ts";
import { tarMembers } from "./tar.ts";

/** Bytes in memory as a source, of which a window of 600 bytes is read at a time. */
function sourceOf(bytes: Uint8Array): ByteSource {
  return {
    name: "a.tar",
    location: "/a.tar",
    size: bytes.length,
    version: "1",
    window: 600,
    read: async (offset, length) => new Uint8Array(bytes.subarray(offset, offset + length)),
  };
}

async function membersOf(bytes: Uint8Array): Promise<[name: string, content: string][]> {
  const found: [string, string][] = [];
  for await (const { name, offset, size } of tarMembers(sourceOf(bytes))) {
    found.push([name, Buffer.from(bytes.subarray(offset, offset + size)).toString()]);
  }
  return found;
}

describe("a tar archive", () => {
  const long = `${"folder/".repeat(30)}a.png`;
  const cases: [what: string, entries: TarEntry[], expected: [string, string][]][] = [
    ["nothing", [], []],
    [
      "files, also empty ones and of a whole block",
      [
        { name: "a", data: "one" },
        { name: "b" },
        { name: "c", data: "x".repeat(512) },
        { name: "d", data: "end", type: "\0" },
      ],
      [
        ["a", "one"],
        ["b", ""],
        ["c", "x".repeat(512)],
        ["d", "end"],
      ],
    ],
    [
      "names that lead elsewhere, or hold line breaks",
      [
        { name: "../../etc/passwd", data: "1" },
        { name: "/root/a", data: "2" },
        { name: "a\nb\u001b[2J", data: "3" },
      ],
      [
        ["../../etc/passwd", "1"],
        ["/root/a", "2"],
        ["a\nb\u001b[2J", "3"],
      ],
    ],
    [
      "folders, links and devices, which are passed over",
      [
        { name: "folder/", type: "5" },
        // Old archives have a size here, and no bytes.
        { name: "hard", type: "1", size: Buffer.from("00000001000\0") },
        { name: "soft", type: "2" },
        { name: "device", type: "3" },
        { name: "pipe", type: "6" },
        { name: "volume", type: "V", data: "unknown" },
        { name: "a", data: "one" },
      ],
      [["a", "one"]],
    ],
    [
      "a long path in ustar's two parts",
      [{ name: "a.png", prefix: "some/where", data: "1" }],
      [["some/where/a.png", "1"]],
    ],
    [
      "GNU's long names, for the next member alone",
      [longName(long), { name: "short", data: "1" }, { name: "b", data: "2" }],
      [
        [long, "1"],
        ["b", "2"],
      ],
    ],
    [
      "long names of links, which are not those of files",
      [
        { name: "x", type: "K", data: "target\0" },
        { name: "a", data: "1" },
      ],
      [["a", "1"]],
    ],
    [
      "pax names and sizes",
      [
        paxEntry({ path: `кот\n${long}`, size: "4", mtime: "1.5" }),
        { name: "short", data: "four", size: Buffer.from("00000000000\0") },
        { name: "b", data: "2" },
      ],
      [
        [`кот\n${long}`, "four"],
        ["b", "2"],
      ],
    ],
    [
      "a pax header for all that follow",
      [paxEntry({ comment: "made by git" }, "g"), { name: "a", data: "1" }],
      [["a", "1"]],
    ],
    [
      "sizes to the base of 256",
      [
        { name: "a", data: "four", size: binarySize(4) },
        { name: "b", data: "2" },
      ],
      [
        ["a", "four"],
        ["b", "2"],
      ],
    ],
  ];
  test.each(cases)("with %s", async (_, entries, expected) => {
    expect(await membersOf(tar(entries))).toEqual(expected);
  });

  test("whose header's sum was made of signed bytes is read", async () => {
    const bytes = tar([{ name: "ä", data: "1" }]);
    const sum = bytes
      .subarray(0, 512)
      .reduce((total, byte, i) => total + (i >= 148 && i < 156 ? 32 : byte > 127 ? byte - 256 : byte), 0);
    bytes.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
    expect(await membersOf(bytes)).toEqual([["ä", "1"]]);
  });
});

describe("damage is told with the archive and the byte:", () => {
  const whole = tar([
    { name: "a", data: "x".repeat(700) },
    { name: "b", data: "two" },
  ]);
  const cases: [what: string, bytes: Uint8Array, message: string][] = [
    [
      "an empty file",
      Buffer.alloc(0),
      "a.tar is cut short: what begins at byte 0 is not whole, as the file ends at byte 0",
    ],
    ["cut in a header", whole.subarray(0, 1600), "a.tar is cut short: what begins at byte 1536 is not whole"],
    [
      "cut in a member",
      whole.subarray(0, 900),
      "a.tar is cut short: what begins at byte 512 is not whole, as the file ends at byte 900",
    ],
    ["cut between two members", whole.subarray(0, 1536), "a.tar is cut short: what begins at byte 1536"],
    ["no archive", Buffer.alloc(2000, "text"), "a.tar is no tar archive"],
    [
      "compressed",
      Buffer.concat([Buffer.from([0x1f, 0x8b]), Buffer.alloc(1000)]),
      "it is compressed; unpack it with gunzip",
    ],
    [
      "a member that is overwritten",
      Buffer.concat([whole.subarray(0, 1536), Buffer.alloc(512, "x"), Buffer.alloc(1024)]),
      "no header of a member at byte 1536",
    ],
    [
      "a size that is none",
      tar([{ name: "a", size: Buffer.from("0000000zzzz\0") }]),
      "a member without a size at byte 0",
    ],
    [
      "a size beyond all numbers",
      tar([{ name: "a", size: Buffer.alloc(12, 0xff) }]),
      "a member without a size at byte 0",
    ],
    ["a negative pax size", tar([paxEntry({ size: "-1" }), { name: "a" }]), "a member without a size at byte 0"],
    [
      "a pax record of the wrong length",
      tar([{ name: "x", type: "x", data: "99 path=a\n" }]),
      "a malformed pax extension at byte 0",
    ],
    [
      "a pax record of no length",
      tar([{ name: "x", type: "x", data: "0 path=a\n" }]),
      "a malformed pax extension at byte 0",
    ],
    [
      "a name of megabytes",
      tar([{ name: "x", type: "L", data: "n".repeat(2 ** 20 + 1) }]),
      "a name or extension of 1048577 bytes at byte 0",
    ],
    ["a sparse file", tar([{ name: "holes\n", type: "S" }]), "the sparse file holes\\u000a, which is not read here"],
  ];
  test.each(cases)("%s", async (_, bytes, message) => {
    await expect(membersOf(bytes)).rejects.toThrow(message);
  });

  test("any number of bytes that are lost at the end", async () => {
    for (let length = 0; length < 2048; length += 61) {
      await expect(membersOf(whole.subarray(0, length))).rejects.toThrow("a.tar is cut short");
    }
    expect(await membersOf(Buffer.concat([tarEntry({ name: "a", data: "1" }), Buffer.alloc(512)]))).toEqual([
      ["a", "1"],
    ]);
  });
});

test("bytes that are changed at random give files in the archive, or an error of one line with its name", async () => {
  const whole = tar([
    longName("a/long/name.png"),
    { name: "short", data: "x".repeat(600) },
    paxEntry({ path: "b.png", size: "3" }),
    { name: "b", data: "two", size: binarySize(3) },
    { name: "folder", type: "5", prefix: "some/where" },
  ]);
  let errors = 0;
  for (let round = 0; round < 3000; round += 1) {
    const random = new Random("tar", round);
    const bytes = mutate(whole, random);
    if (random.chance(0.8)) repairSums(bytes);
    try {
      for await (const { offset, size } of tarMembers(sourceOf(bytes))) {
        expect(offset % 512).toBe(0);
        expect(offset + size).toBeLessThanOrEqual(bytes.length);
      }
    } catch (error) {
      errors += 1;
      expect(String(error)).toMatch(/^Error: a\.tar \P{Cc}{1,1200}$/u);
    }
  }
  expect(errors).toBeGreaterThan(500);
  expect(errors).toBeLessThan(2900);
});
