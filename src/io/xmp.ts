// XMP: the XML in which picture formats carry what PNG has texts for (ISO 16684-1), as far as we write it.

/** A packet that says in words what a picture shows, and has its origin as JSON. What XML has no characters for is left out of the words. */
export function xmpPacket({ description, origin }: { description: string; origin: unknown }): string {
  return [
    `<x:xmpmeta xmlns:x="adobe:ns:meta/">`,
    `<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">`,
    `<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"`,
    ` xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:cg="urn:clip-gen">`,
    `<xmp:CreatorTool>clip-gen</xmp:CreatorTool>`,
    `<dc:description><rdf:Alt><rdf:li xml:lang="x-default">${xmlText(description)}</rdf:li></rdf:Alt></dc:description>`,
    `<cg:origin>${xmlJson(origin)}</cg:origin>`,
    `</rdf:Description></rdf:RDF></x:xmpmeta>`,
  ].join("");
}

/** The origin's JSON in a packet of ours; undefined where it is none. */
export function xmpOrigin(packet: string): string | undefined {
  return /<cg:origin>([^<]*)<\/cg:origin>/.exec(packet)?.[1];
}

/**
 * The XMP packet in a WebP, or undefined where it has none (RFC 9649: a RIFF of chunks, each with name, length, and an even
 * number of bytes).
 * @throws when it is no WebP, or is cut short before a packet was found
 */
export function webpXmp(webp: Uint8Array): string | undefined {
  const bytes = Buffer.from(webp.buffer, webp.byteOffset, webp.byteLength);
  const name = (at: number): string => bytes.toString("latin1", at, at + 4);
  if (name(0) !== "RIFF" || name(8) !== "WEBP") throw new Error("not a WebP: its first 12 bytes are not a WebP's");
  let start = 12;
  while (start + 8 <= bytes.length) {
    const end = start + 8 + bytes.readUInt32LE(start + 4);
    if (end > bytes.length) throw new Error(`not a whole WebP: it is cut short at byte ${bytes.length}`);
    if (name(start) === "XMP ") return bytes.toString("utf8", start + 8, end);
    start = end + ((end - start) % 2);
  }
  return undefined;
}

/** JSON's own escapes serve for XML as well, so that nothing has to be escaped twice; controls and lone surrogates have theirs already. */
function xmlJson(value: unknown): string {
  return JSON.stringify(value).replaceAll(
    /[&<>\u007f-\u009f\ufffe\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function xmlText(text: string): string {
  const allowed = Array.from(text).filter((character) => isXml(character.codePointAt(0) ?? 0));
  return allowed.join("").replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

/** XML 1.0, production 2. */
function isXml(code: number): boolean {
  if (code < 0x20) return code === 0x9 || code === 0xa || code === 0xd;
  return code < 0xd800 || (code > 0xdfff && code !== 0xfffe && code !== 0xffff);
}
