import { oneLine } from "../../io/read-error.ts";
import { captionsFromJson, captionsFromText } from "../captions.ts";
import { ImageError } from "../images.ts";
import type { ByteSource } from "./byte-source.ts";
import { FREE_BUFFER, type PictureStore } from "./picture-store.ts";
import type { ShardIndex } from "./shard-index.ts";
import { TAR_BLOCK } from "./tar.ts";

/** A file of more bytes is no picture that could be decoded. */
const MAX_PICTURE = 2 ** 29;
const MAX_CAPTION = 2 ** 20;

/** The pictures of a tar archive; with their captions, where those are asked for. */
export function tarStore(source: ByteSource, index: ShardIndex, { captions }: { captions: boolean }): PictureStore {
  const nameOf = (i: number): string => {
    const name = index.names.subarray(i === 0 ? 0 : index.nameEnds[i - 1], index.nameEnds[i]);
    return `${source.name}:${oneLine(new TextDecoder().decode(name))}`;
  };
  const read = (i: number, part: "blocks" | "captionBlocks"): Promise<Uint8Array> => {
    const length = (part === "blocks" ? index.lengths : index.captionLengths)[i] ?? 0;
    const most = part === "blocks" ? MAX_PICTURE : MAX_CAPTION;
    if (length > most) throw new ImageError(nameOf(i), `${length} bytes are more than the ${most} that it may have`);
    return source.read((index[part][i] ?? 0) * TAR_BLOCK, length);
  };
  const captionsOf = async (i: number): Promise<string[]> => {
    if (index.captionBlocks[i] === 0)
      throw new ImageError(nameOf(i), "it has no .txt or .json with a caption beside it");
    const text = new TextDecoder().decode(await read(i, "captionBlocks"));
    const found = index.captionIsJson[i] === 1 ? captionsFromJson(text) : captionsFromText(text);
    if (found.length === 0) throw new ImageError(nameOf(i), "there is no caption in what lies beside it");
    return found;
  };
  return {
    count: index.count,
    parts: [index.count],
    buffer: FREE_BUFFER,
    version: () => `${source.name} ${source.version}`,
    nameOf,
    get: async (i) => ({ picture: await read(i, "blocks"), ...(captions && { captions: await captionsOf(i) }) }),
  };
}
