/** A model on the Hub: the repository, `org/name`, and a branch, tag or commit of it. */
export type HubModel = { repository: string; revision: string };

/** What a revision is where none is named. */
export const DEFAULT_REVISION = "main";

// Letters, digits, `.`, `_`, `-`, with a letter, digit or `_` at both ends: `validate_repo_id` of huggingface_hub.
const PART = /^(?=.{1,96}$)\w(?:[\w.-]*\w)?$/;
// Names of branches and tags, as `git check-ref-format` has them, less what is of no use in a path or an address.
const REVISION_PART = /^\w[\w.+-]*$/;
const COMMIT = /^[0-9a-f]{40}$/;
const MAX_REVISION_LENGTH = 200;
const MAX_FILE_NAME_LENGTH = 1000;

/** Reads `org/name` or `org/name@revision`; undefined for everything else, which is a path then. */
export function parseHubModel(text: string): HubModel | undefined {
  const at = text.indexOf("@");
  const repository = at === -1 ? text : text.slice(0, at);
  const revision = at === -1 ? DEFAULT_REVISION : text.slice(at + 1);
  return isRepository(repository) && isRevision(revision) ? { repository, revision } : undefined;
}

/** As the user writes it: `org/name`, or `org/name@revision` where that is not the default. */
export function hubModelText({ repository, revision }: HubModel): string {
  return revision === DEFAULT_REVISION ? repository : `${repository}@${revision}`;
}

/** Whether a revision is a full commit hash, which never changes its meaning. */
export function isCommit(revision: string): boolean {
  return COMMIT.test(revision);
}

/** Whether a text can be a repository: `org/name`. */
export function isRepository(text: string): boolean {
  const parts = text.split("/");
  if (parts.length !== 2 || !parts.every((part) => PART.test(part))) return false;
  return !text.includes("--") && !text.includes("..") && !text.endsWith(".git");
}

/** Whether a text can be a branch, tag or commit, such as `main`, `v1.0` or `refs/pr/1`. */
export function isRevision(text: string): boolean {
  if (text.length > MAX_REVISION_LENGTH || text.includes("..")) return false;
  return text.split("/").every((part) => REVISION_PART.test(part) && !/\.(lock)?$/.test(part));
}

/**
 * Whether a file's name from a repository is one that stays within the folder it is put into, on every system,
 * and that a terminal can show: parts with `/` between them, none of them empty, `.` or `..`.
 */
export function isSafeFileName(name: string): boolean {
  if (name.length > MAX_FILE_NAME_LENGTH || /[\p{Cc}\\]|^[A-Za-z]:/u.test(name)) return false;
  return name.split("/").every((part) => part !== "" && part !== "." && part !== "..");
}
