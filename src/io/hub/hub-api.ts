import { z } from "zod";
import { hubGet, type HubRequestOptions } from "./hub-http.ts";
import { hubModelText, isCommit, isSafeFileName, type HubModel } from "./hub-name.ts";
import { withRetries } from "../http-retry.ts";
import { statusError } from "./hub-status.ts";

/**
 * A file of a repository. The hash names it in the cache: the SHA-256 of what is kept in LFS,
 * git's SHA-1 of a blob, `sha1("blob <size>\0" + content)`, of everything else.
 */
export type HubFile = { path: string; size: number; algorithm: "sha256" | "git-sha1"; hash: string };

/** What a repository holds at one commit. */
export type HubListing = { commit: string; files: HubFile[] };

const MAX_LISTING_BYTES = 16 * 2 ** 20;
const MAX_FILES = 10_000;

const size = z.int().nonnegative();
const listing = z.object({
  sha: z.string().regex(/^[0-9a-f]{40}$/),
  siblings: z
    .array(
      z.object({
        rfilename: z.string(),
        size,
        blobId: z.string().regex(/^[0-9a-f]{40}$/),
        lfs: z.object({ sha256: z.string().regex(/^[0-9a-f]{64}$/), size }).nullish(),
      }),
    )
    .max(MAX_FILES),
});

/**
 * Asks the Hub for the commit that a revision means now, and the files in it with their sizes and hashes.
 * Throws for answers that are too long or of another form, and for file names that would leave their folder.
 */
export async function listHubFiles(model: HubModel, options: HubRequestOptions): Promise<HubListing> {
  const path = `api/models/${model.repository}/revision/${encodeURIComponent(model.revision)}?blobs=true`;
  const text = await withRetries(async () => {
    const response = await hubGet(path, options);
    if (response.status !== 200) {
      await response.discard();
      throw statusError(response, { model, settings: options.settings });
    }
    const parts: Uint8Array[] = [];
    let length = 0;
    for await (const chunk of response.chunks()) {
      parts.push(chunk);
      length += chunk.byteLength;
      if (length > MAX_LISTING_BYTES) throw wrongListing(model, `it is longer than ${MAX_LISTING_BYTES} bytes`);
    }
    return Buffer.concat(parts).toString("utf8");
  }, options);
  return parseListing(text, model);
}

function parseListing(text: string, model: HubModel): HubListing {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw wrongListing(model, "it is no JSON; is HF_ENDPOINT right?", error);
  }
  const parsed = listing.safeParse(json);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw wrongListing(model, `${issue?.path.join(".") || "the whole"} is not as expected: ${issue?.message ?? ""}`);
  }
  const { sha, siblings } = parsed.data;
  if (isCommit(model.revision) && sha !== model.revision) throw wrongListing(model, `it is that of the commit ${sha}`);
  const names = siblings.map(({ rfilename }) => rfilename);
  const unsafe = names.find((name) => !isSafeFileName(name));
  if (unsafe !== undefined) throw wrongListing(model, `it has a file name that is refused: ${JSON.stringify(unsafe)}`);
  if (new Set(names).size < names.length) throw wrongListing(model, "it has a file name twice");
  const files = siblings.map(({ rfilename, lfs, blobId, ...entry }): HubFile => {
    if (lfs) return { path: rfilename, size: lfs.size, algorithm: "sha256", hash: lfs.sha256 };
    return { path: rfilename, size: entry.size, algorithm: "git-sha1", hash: blobId };
  });
  return { commit: sha, files };
}

function wrongListing(model: HubModel, reason: string, cause?: unknown): Error {
  return new Error(`the list of the files of ${hubModelText(model)} cannot be used: ${reason}`, { cause });
}
