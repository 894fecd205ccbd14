import { inflateSync } from "node:zlib";
import { crc32 } from "./crc.ts";
import { oneLine } from "./read-error.ts";

type Chunk = { type: string; data: Uint8Array; start: number; end: number };

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
/** Of all texts together, once they are inflated. */
const MAX_TEXT_BYTES = 2 ** 24;

/**
 * Adds texts to a PNG: one iTXt chunk (UTF-8) per keyword, right after the header, the picture untouched.
 * A text of the same keyword that is there already is replaced. Keywords are 1 to 79 Latin-1 characters without
 * spaces at the ends (PNG specification, 11.3.4); `prompt` and `parameters` are what other tools look for.
 * Throws for a damaged PNG, a keyword against these rules, and a text with a NUL character.
 */
export function addPngText(png: Uint8Array, text: Readonly<Record<string, string>>): Uint8Array {
  const chunks = readChunks(png);
  const header = chunks[0];
  if (header === undefined) throw damaged("it has no chunks");
  const added = Object.entries(text).map(([keyword, value]) => textChunk(keyword, value));
  const kept = chunks.slice(1).filter((chunk) => {
    const keyword = keywordOf(chunk);
    return keyword === null || !Object.hasOwn(text, keyword);
  });
  const end = chunks.at(-1)?.end ?? png.byteLength;
  return new Uint8Array(
    Buffer.concat([
      png.subarray(0, header.end),
      ...added,
      ...kept.map((chunk) => png.subarray(chunk.start, chunk.end)),
      // Some programs append data of their own after the end of the picture.
      png.subarray(end),
    ]),
  );
}

/** All texts in a PNG by keyword: tEXt, zTXt and iTXt chunks. Of equal keywords the last counts. Throws if it is damaged. */
export function readPngText(png: Uint8Array): Record<string, string> {
  const texts: [string, string][] = [];
  let left = MAX_TEXT_BYTES;
  for (const chunk of readChunks(png)) {
    const keyword = keywordOf(chunk);
    if (keyword === null) continue;
    const { text, inflated } = textOf(chunk, { position: keyword.length + 1, most: left });
    left -= inflated;
    texts.push([keyword, text]);
  }
  return Object.fromEntries(texts);
}

function damaged(why: string): Error {
  return new Error(oneLine(`not a whole PNG: ${why}; save or download it again`));
}

function readChunks(png: Uint8Array): Chunk[] {
  if (SIGNATURE.some((byte, index) => png[index] !== byte)) throw damaged("its first 8 bytes are not a PNG's");
  const view = new DataView(png.buffer, png.byteOffset, png.byteLength);
  const chunks: Chunk[] = [];
  let start = SIGNATURE.length;
  while (start + 12 <= png.byteLength) {
    const length = view.getUint32(start);
    const end = start + 12 + length;
    if (end > png.byteLength) break;
    const type = latin1(png.subarray(start + 4, start + 8));
    if (crc32(png.subarray(start + 4, end - 4)) !== view.getUint32(end - 4)) {
      throw damaged(`the checksum of its ${type} chunk at byte ${start} is wrong`);
    }
    if (chunks.length === 0 && type !== "IHDR") throw damaged(`it starts with ${type}, expected IHDR`);
    chunks.push({ type, data: png.subarray(start + 8, end - 4), start, end });
    if (type === "IEND") return chunks;
    start = end;
  }
  throw damaged(`it is cut short at byte ${png.byteLength}`);
}

function keywordOf({ type, data }: Chunk): string | null {
  if (type !== "tEXt" && type !== "zTXt" && type !== "iTXt") return null;
  const end = data.indexOf(0);
  if (end < 1 || end > 79) throw damaged(`a ${type} chunk has no keyword`);
  return latin1(data.subarray(0, end));
}

/** `position` is where the keyword and its NUL end; `most`, how many bytes may come of it where it is compressed. */
function textOf(
  { type, data }: Chunk,
  { position, most }: { position: number; most: number },
): { text: string; inflated: number } {
  if (type === "tEXt") return { text: latin1(data.subarray(position)), inflated: 0 };
  // One byte for the method: 0, deflate, is the only one there is.
  if (type === "zTXt") {
    const bytes = inflate(data.subarray(position + 1), most);
    return { text: latin1(bytes), inflated: bytes.byteLength };
  }
  const compressed = data[position] === 1;
  const languageEnd = data.indexOf(0, position + 2);
  const translationEnd = languageEnd < 0 ? -1 : data.indexOf(0, languageEnd + 1);
  if (translationEnd < 0) throw damaged("an iTXt chunk is incomplete");
  const given = data.subarray(translationEnd + 1);
  const bytes = compressed ? inflate(given, most) : given;
  const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
  return { text, inflated: compressed ? bytes.byteLength : 0 };
}

function inflate(bytes: Uint8Array, most: number): Uint8Array {
  try {
    // One byte more, as zlib takes no limit of none.
    const inflated = inflateSync(bytes, { maxOutputLength: most + 1 });
    if (inflated.byteLength <= most) return inflated;
  } catch (error) {
    throw new Error(`a compressed text in the PNG is damaged, or all are longer than ${MAX_TEXT_BYTES} bytes`, {
      cause: error,
    });
  }
  throw damaged(`its compressed texts are longer than ${MAX_TEXT_BYTES} bytes`);
}

function textChunk(keyword: string, text: string): Uint8Array {
  if (!/^[\u0021-\u007e\u00a1-\u00ff]+( [\u0021-\u007e\u00a1-\u00ff]+)*$/.test(keyword) || keyword.length > 79) {
    throw new Error(
      `"${keyword}" cannot be a PNG keyword: 1 to 79 Latin-1 characters, single spaces between words only`,
    );
  }
  if (text.includes("\0")) throw new Error(`the text for "${keyword}" has a NUL character, which PNG does not allow`);
  // After the keyword: NUL, not compressed, method 0, no language, no translated keyword.
  const data = Buffer.concat([Buffer.from(keyword, "latin1"), Buffer.alloc(5), Buffer.from(text, "utf8")]);
  const chunk = Buffer.alloc(12 + data.byteLength);
  chunk.writeUInt32BE(data.byteLength, 0);
  chunk.write("iTXt", 4, "latin1");
  data.copy(chunk, 8);
  chunk.writeUInt32BE(crc32(chunk.subarray(4, -4)), 8 + data.byteLength);
  return chunk;
}

/** Byte = character. (TextDecoder's "latin1" is windows-1252, which is another thing.) */
function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}
