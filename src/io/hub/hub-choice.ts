/** Which files of a repository to take: names or patterns with `*`, or all. Without either, what clip-gen can read. */
export type HubChoice = { include?: readonly string[] | undefined; all?: boolean | undefined };

// What a network's folder holds beside its weights: Hugging Face's, open_clip's, taming-transformers' and our own.
const SETTINGS = [
  "config.json",
  "open_clip_config.json",
  "preprocessor_config.json",
  "tokenizer.json",
  "merges.txt",
  "vocab.json",
  "*.yaml",
];

// In the order in which src/io/weights-file.ts looks for them; the first that a repository has is enough.
// An index is named before its shards, as these are of no use without it.
const WEIGHTS = [
  ["model.safetensors"],
  ["open_clip_model.safetensors"],
  ["model.safetensors.index.json", "model-*-of-*.safetensors"],
  ["pytorch_model.bin"],
  ["open_clip_pytorch_model.bin"],
  ["pytorch_model.bin.index.json", "pytorch_model-*-of-*.bin"],
  ["flax_model.msgpack"],
  // These have no fixed names.
  ["*.ckpt"],
  ["*.pt"],
  ["*.pth"],
];

// A whole model of ours is a folder with these three networks.
const OWN_FILE = "model.json";
const OWN_FOLDERS = ["clip/", "vqgan/", "gpt/"];

/**
 * Picks the names that are wanted, in the repository's order.
 * Throws if there are none, and says what there is.
 */
export function chooseFiles(names: readonly string[], { include, all }: HubChoice = {}): string[] {
  const patterns = all === true ? ["*"] : include !== undefined && include.length > 0 ? include : usable(names);
  const chosen = names.filter((name) => patterns.some((pattern) => matches(name, pattern)));
  if (chosen.length > 0) return chosen;
  const shown = names.slice(0, 20).join(", ");
  const more = names.length > 20 ? ` and ${names.length - 20} more` : "";
  const reason = include ? `no file matches ${include.join(", ")}` : "the repository has no file that clip-gen can use";
  throw new Error(`${reason}; choose with --include, or take --all. There are: ${shown || "none"}${more}`);
}

function usable(names: readonly string[]): string[] {
  if (!names.includes(OWN_FILE)) return usableIn("", names);
  return [OWN_FILE, ...OWN_FOLDERS.flatMap((folder) => usableIn(folder, names))];
}

function usableIn(folder: string, names: readonly string[]): string[] {
  const local = names.filter((name) => name.startsWith(folder)).map((name) => name.slice(folder.length));
  const inFolder = local.filter((name) => !name.includes("/"));
  const weights = WEIGHTS.find(([first]) => inFolder.some((name) => matches(name, first)));
  const wanted = [...SETTINGS, ...(weights ?? [])];
  return inFolder.filter((name) => wanted.some((pattern) => matches(name, pattern))).map((name) => folder + name);
}

/** `*` stands for any characters, `/` among them, as in Python's `allow_patterns`. Compares without a regular expression. */
function matches(name: string, pattern: string | undefined): boolean {
  const [head = "", ...rest] = (pattern ?? "").split("*");
  const tail = rest.pop();
  if (tail === undefined) return name === head;
  if (!name.startsWith(head)) return false;
  let at = head.length;
  for (const part of rest) {
    const found = name.indexOf(part, at);
    if (found === -1) return false;
    at = found + part.length;
  }
  return name.endsWith(tail) && name.length - tail.length >= at;
}
