import { expect, test } from "vitest";
import { webpXmp, xmpOrigin, xmpPacket } from "./xmp.ts";

test("gives back the origin, whatever stands in it", () => {
  const origins = [
    { stops: ["a cat", "a lion"], seeds: [1, 2] },
    { prompt: "</cg:origin> <b> & \\u003c ]]>\"'" },
    { prompt: "кот 🐈 \0 \u0085 \uffff \ud800 \\" },
  ];
  for (const origin of origins) {
    const packet = xmpPacket({ description: "", origin });
    expect(JSON.parse(xmpOrigin(packet) ?? "")).toEqual(origin);
  }
});

test("says in words what there is, without what XML does not allow", () => {
  const packet = xmpPacket({ description: "a < b & c\0\ud800\ufffe → кот 🐈", origin: {} });
  expect(packet).toContain(`<rdf:li xml:lang="x-default">a &lt; b &amp; c → кот 🐈</rdf:li>`);
  expect(packet).toContain("<xmp:CreatorTool>clip-gen</xmp:CreatorTool>");
});

test("is none in another program's packet", () => {
  expect(xmpOrigin(`<x:xmpmeta xmlns:x="adobe:ns:meta/"></x:xmpmeta>`)).toBeUndefined();
});

/** A RIFF of chunks; WebP's own readers are tried where films are made. */
function riff(...chunks: [name: string, data: string][]): Buffer {
  const parts = chunks.flatMap(([name, data]) => {
    const head = Buffer.from(`${name}....`);
    head.writeUInt32LE(data.length, 4);
    return [head, Buffer.from(data), Buffer.alloc(data.length % 2)];
  });
  return Buffer.concat([Buffer.from("RIFF....WEBP"), ...parts]);
}

test("is found in a WebP behind chunks of odd lengths; what is none, or is cut short, says so", () => {
  const webp = riff(["VP8X", "123"], ["VP8L", "12"], ["XMP ", "<x/>"]);
  expect(webpXmp(webp)).toBe("<x/>");
  expect(webpXmp(riff(["VP8L", "123"]))).toBeUndefined();
  expect(() => webpXmp(webp.subarray(0, webp.length - 1))).toThrow("not a whole WebP: it is cut short at byte 45");
  for (const other of [new Uint8Array(), Buffer.from("RIFF....WAVEfmt ")]) {
    expect(() => webpXmp(other)).toThrow("not a WebP");
  }
});
