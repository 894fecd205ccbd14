/** Parquet files with pictures in them, as Hugging Face's data sets are. */

import {
  parquetMetadataAsync,
  parquetReadObjects,
  parquetSchema,
  type AsyncBuffer,
  type RowGroup,
  type SchemaTree,
} from "hyparquet";
import { compressors } from "hyparquet-compressors";
import { z } from "zod";
import { readError } from "../../io/read-error.ts";
import { captionsFromFields } from "../captions.ts";
import { ImageError } from "../images.ts";
import type { ByteSource } from "./byte-source.ts";
import { FREE_BUFFER, placeOf, type PictureStore } from "./picture-store.ts";
import { RecentlyRead } from "./recently-read.ts";

/** Rows that were read last, of all files together. */
export type RecentRows = RecentlyRead<readonly unknown[]>;

/** Bytes of rows that are kept: twice what an order jumps about in, as a batch can lie in two of its groups. */
const KEPT = 2 ** 30;

export function recentRows(): RecentRows {
  return new RecentlyRead(KEPT);
}

/**
 * The pictures of a parquet file: a column of `{bytes, path}`, as Hugging Face has it, or a plain one of bytes that is called
 * image, jpg, jpeg, png or webp; captions, where they are asked for, from caption, captions or text. A row is had by
 * reading its row group, so those that were read last are kept. Throws where there are no such columns.
 */
export async function openParquet(
  source: ByteSource,
  { captions, recent }: { captions: boolean; recent: RecentRows },
): Promise<PictureStore> {
  const { name } = source;
  const file: AsyncBuffer = {
    byteLength: source.size,
    slice: async (start, end = source.size) => (await source.read(start, end - start)).buffer,
  };
  const metadata = await parquetMetadataAsync(file).catch((error: unknown) => {
    throw readError(name, error);
  });
  const columns = columnsOf(parquetSchema(metadata), { name, captions });
  const groups = metadata.row_groups.filter((group) => group.num_rows > 0n);
  const parts = groups.map((group) => Number(group.num_rows));
  const ends = new Float64Array(parts.length);
  let count = 0;
  for (const [i, rows] of parts.entries()) ends[i] = count += rows;
  if (count === 0) throw new Error(`${name} has no rows`);
  const bytes = groups.map((group) => bytesOf(group, columns));

  const rowsOf = (group: number): Promise<readonly unknown[]> => {
    const rowEnd = ends[group] ?? 0;
    const rowStart = rowEnd - (parts[group] ?? 0);
    const read = (): Promise<readonly unknown[]> =>
      parquetReadObjects({ file, metadata, columns, rowStart, rowEnd, compressors, utf8: false }).catch(
        (error: unknown) => {
          throw readError(name, error);
        },
      );
    return recent.get(`${source.location} ${group}`, { bytes: bytes[group] ?? 0, read });
  };
  const nameOf = (index: number): string => `${name}:row ${index}`;
  const [picture = ""] = columns;
  return {
    count,
    parts,
    buffer: Math.max(
      1,
      Math.min(FREE_BUFFER, Math.floor((count * KEPT) / 2 / bytes.reduce((sum, each) => sum + each))),
    ),
    version: () => `${name} ${source.version}`,
    nameOf,
    get: async (index) => {
      const group = placeOf(ends, index);
      const row = (await rowsOf(group))[index - (ends[group] ?? 0) + (parts[group] ?? 0)];
      const found = { picture: pictureIn(row, picture, nameOf(index)) };
      if (!captions) return found;
      const sentences = captionsFromFields(row);
      if (sentences.length === 0) throw new ImageError(nameOf(index), "the row has no caption");
      return { ...found, captions: sentences };
    },
  };
}

const PICTURE_NAMES = ["image", "jpg", "jpeg", "png", "webp"];
const CAPTION_NAMES = ["captions", "caption", "text"];

/** The column of the pictures, and those of captions. */
function columnsOf({ children }: SchemaTree, { name, captions }: { name: string; captions: boolean }): string[] {
  const fit = children.filter(hasBytes);
  const picture =
    PICTURE_NAMES.flatMap((wanted) => fit.filter(({ element }) => element.name === wanted))[0] ??
    fit.find((column) => column.children.length > 0);
  const all = children.map(({ element }) => element.name);
  if (!picture) {
    throw new Error(
      `${name} has no column of pictures: expected one of {bytes, path}, or bytes by the name of ` +
        `${PICTURE_NAMES.join(", ")}; it has ${all.join(", ")}`,
    );
  }
  if (!captions) return [picture.element.name];
  const sentences = all.filter((column) => CAPTION_NAMES.includes(column));
  if (sentences.length > 0) return [picture.element.name, ...sentences];
  throw new Error(`${name} has no column of captions: expected ${CAPTION_NAMES.join(", ")}; it has ${all.join(", ")}`);
}

function hasBytes({ children, element }: SchemaTree): boolean {
  return children.length === 0
    ? element.type === "BYTE_ARRAY"
    : children.some((field) => field.element.name === "bytes");
}

/** What the columns of a row group take once they are read. */
function bytesOf(group: RowGroup, columns: readonly string[]): number {
  const own = group.columns.filter(({ meta_data: about }) => columns.includes(about?.path_in_schema[0] ?? ""));
  return own.reduce((sum, { meta_data: about }) => sum + Number(about?.total_uncompressed_size ?? 0), 1);
}

const bytesSchema = z.instanceof(Uint8Array);
const rowSchema = z.record(
  z.string(),
  z.union([bytesSchema, z.object({ bytes: bytesSchema }).transform(({ bytes }) => bytes)]).catch(new Uint8Array()),
);

function pictureIn(row: unknown, column: string, name: string): Uint8Array {
  const bytes = rowSchema.safeParse(row).data?.[column];
  if (bytes && bytes.length > 0) return bytes;
  throw new ImageError(name, "the row holds no bytes of a picture; a path or an address alone is not followed");
}
