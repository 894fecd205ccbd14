const reasons: Record<string, string> = {
  ENOSPC: "the disk is full; free some space and run the command again, which goes on from here",
  EDQUOT: "the disk quota is used up; free some space and run the command again, which goes on from here",
  EROFS: "the disk is read-only; set HF_HUB_CACHE to another folder",
  EACCES: "no permission; set HF_HUB_CACHE to another folder",
  EPERM: "no permission; set HF_HUB_CACHE to another folder",
  ENOTDIR: "a file is in the place of a folder; remove it",
  EEXIST: "a file is in the place of a folder; remove it",
  EISDIR: "a folder is in the place of a file; remove it",
};

/** Says in words what the system's code means for a path in the cache; anything else passes through unchanged. */
export function explainDiskError(path: string, error: unknown): unknown {
  const code = error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
  const reason = reasons[code];
  return reason === undefined ? error : new Error(`cannot write ${path}: ${reason}`, { cause: error });
}
