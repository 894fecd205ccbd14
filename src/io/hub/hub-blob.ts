import type { HubFile } from "./hub-api.ts";
import { TemporaryError, type HttpResponse } from "../http.ts";
import { hubGet, type HubRequestOptions } from "./hub-http.ts";
import type { HubModel } from "./hub-name.ts";
import { withRetries } from "../http-retry.ts";
import { statusError } from "./hub-status.ts";
import { IncompleteFile } from "./incomplete-file.ts";

/** What to fetch: a file of a model, at a commit, into `blob`, where a file lies only once it is verified. */
export type BlobRequest = { model: HubModel; commit: string; file: HubFile; blob: string };

/** Bytes of this file that are on the disk, and bytes that came over the network for it, in this call. */
export type BlobProgress = (onDisk: number, fetched: number) => void;

/**
 * Downloads one file to `<blob>.incomplete`, going on where a broken download ended, and renames it once size and hash are right.
 * No `If-Range` goes along: the name of the incomplete file is the hash of the content, a large file's ETag on the second host
 * is not that hash, and what was put together from two contents does not pass the check.
 */
export async function fetchBlob(
  request: BlobRequest,
  options: HubRequestOptions & { onProgress?: BlobProgress },
): Promise<void> {
  const incomplete = await IncompleteFile.open(`${request.blob}.incomplete`, request.file, options.signal);
  try {
    let fetched = 0;
    // Not what was fetched: a server that cuts every answer, and cannot go on, would be asked forever.
    let furthest = incomplete.done;
    const report = (bytes: number): void => {
      fetched += bytes;
      furthest = Math.max(furthest, incomplete.done);
      options.onProgress?.(incomplete.done, fetched);
    };
    report(0);
    await withRetries(() => fetchRest(request, incomplete, { ...options, report }), {
      ...options,
      progress: () => furthest,
    });
    await incomplete.finish(request.blob);
  } finally {
    await incomplete.close();
  }
}

async function fetchRest(
  { model, commit, file }: BlobRequest,
  incomplete: IncompleteFile,
  options: HubRequestOptions & { report: (bytes: number) => void },
): Promise<void> {
  if (incomplete.done === file.size) return;
  const start = incomplete.done;
  const path = `${model.repository}/resolve/${commit}/${file.path.split("/").map(encodeURIComponent).join("/")}`;
  const response = await hubGet(path, { ...options, headers: start > 0 ? { range: `bytes=${start}-` } : {} });
  try {
    if (response.status === 416 && start > 0) {
      await incomplete.restart();
      throw new TemporaryError(`the server does not have the rest of ${file.path}`, { waitMs: 0 });
    }
    if (response.status !== 200 && response.status !== 206) {
      throw statusError(response, { model, file: file.path, settings: options.settings });
    }
    // A server that does not know ranges sends the whole file.
    if (response.status === 200) await incomplete.restart();
    else await checkRange(response, { file, start, incomplete });
    for await (const chunk of response.chunks()) {
      if (incomplete.done + chunk.byteLength > file.size) {
        await incomplete.refuse(`it has more bytes than the expected ${file.size}`);
      }
      await incomplete.write(chunk);
      options.report(chunk.byteLength);
    }
  } finally {
    await response.discard();
  }
  if (incomplete.done < file.size) {
    throw new TemporaryError(`the connection ended after ${incomplete.done} of ${file.size} bytes of ${file.path}`);
  }
}

/** Whether the server sends the part that was asked for; if not, the next try asks for the whole. */
async function checkRange(
  response: HttpResponse,
  { file, start, incomplete }: { file: HubFile; start: number; incomplete: IncompleteFile },
): Promise<void> {
  const range = response.headers.get("content-range") ?? "none";
  const [, from, total] = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(range) ?? [];
  if (start > 0 && from === String(start) && (total === "*" || total === String(file.size))) return;
  await incomplete.restart();
  throw new TemporaryError(`the server sent another part of ${file.path} than was asked for (${range})`, { waitMs: 0 });
}
