import { randomBytes } from "node:crypto";
import { mkdirSync } from "node:fs";
import { open, readdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { pictureOrigin, type PictureOrigin } from "../generate/picture-origin.ts";
import type { GeneratedPicture } from "../generate/picture.ts";
import { readPngText } from "../io/png-text.ts";

/** A picture that was drawn, as the gallery lists it. */
export type GalleryEntry = {
  id: string;
  /** Milliseconds since 1970. */
  created: number;
  /** Pixels on a side. */
  size: number;
  origin: PictureOrigin;
};

const NAME = /^(\d{13})-[\w-]{8}\.png$/;
/**
 * Pictures in a folder, each in a PNG that holds how it was drawn: nothing else is kept, so that a restart, or another program's
 * copy of the folder, has all of it. The names come from here alone: the time, and chance.
 */
export class Gallery {
  readonly #folder: string;
  /** In the order of their time. */
  readonly #entries = new Map<string, GalleryEntry>();
  /** The newest one's time: each has its own, since ids are compared where pages of a list meet. */
  #newest = 0;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** Opens a folder, or makes it. Files that are no pictures of ours are passed over, and counted. */
  static async open(folder: string): Promise<{ gallery: Gallery; skipped: number }> {
    mkdirSync(folder, { recursive: true });
    const gallery = new Gallery(folder);
    let skipped = 0;
    for (const name of (await readdir(folder)).toSorted()) {
      const entry = await readEntry(folder, name);
      if (entry) gallery.#entries.set(entry.id, entry);
      else skipped += 1;
      gallery.#newest = Math.max(gallery.#newest, entry?.created ?? 0);
    }
    return { gallery, skipped };
  }

  get count(): number {
    return this.#entries.size;
  }

  /** Writes a picture; once this resolves it is on the disk, whole. */
  async add(picture: GeneratedPicture): Promise<GalleryEntry> {
    const created = (this.#newest = Math.max(Date.now(), this.#newest + 1));
    const id = `${created}-${randomBytes(6).toString("base64url")}`;
    await writeWhole(join(this.#folder, `${id}.png`), await picture.toPng());
    const entry = { id, created, size: picture.size, origin: picture.origin };
    this.#entries.set(id, entry);
    return entry;
  }

  /** Writes the pictures of a drawing, the best first; it is also the first in the list. */
  async addAll(pictures: readonly GeneratedPicture[]): Promise<GalleryEntry[]> {
    const entries: GalleryEntry[] = [];
    for (const picture of pictures.toReversed()) entries.unshift(await this.add(picture));
    return entries;
  }

  get(id: string): GalleryEntry | undefined {
    return this.#entries.get(id);
  }

  /** A picture's file, of one that is known. */
  async png(entry: GalleryEntry): Promise<Uint8Array<ArrayBuffer>> {
    return new Uint8Array(await readFile(join(this.#folder, `${entry.id}.png`)));
  }

  /** The newest first; those whose sentence has all the words, where some are given. */
  list(options: { query?: string | undefined; before?: string | undefined; limit: number }): {
    entries: GalleryEntry[];
    more: boolean;
  } {
    const words = (options.query ?? "").toLowerCase().split(/\s+/).filter(Boolean);
    const found: GalleryEntry[] = [];
    for (const entry of [...this.#entries.values()].toReversed()) {
      if (options.before !== undefined && entry.id >= options.before) continue;
      const prompt = entry.origin.prompt.toLowerCase();
      if (!words.every((word) => prompt.includes(word))) continue;
      if (found.length === options.limit) return { entries: found, more: true };
      found.push(entry);
    }
    return { entries: found, more: false };
  }
}

/** Beside, synced, and renamed: a reader, or a restart, sees the whole file or none. */
async function writeWhole(path: string, bytes: Uint8Array): Promise<void> {
  const temporary = `${path}.tmp`;
  try {
    const file = await open(temporary, "wx");
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

async function readEntry(folder: string, name: string): Promise<GalleryEntry | undefined> {
  const created = Number(NAME.exec(name)?.[1]);
  if (Number.isNaN(created)) return undefined;
  try {
    const png = await readFile(join(folder, name));
    const told: unknown = JSON.parse(readPngText(png)["clip-gen"] ?? "");
    const parsed = pictureOrigin.parse(told);
    return { id: name.slice(0, -4), created, size: png.readUInt32BE(16), origin: parsed };
  } catch {
    return undefined;
  }
}
