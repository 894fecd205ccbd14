import { downloadModel, type HubProgress } from "../io/hub/hub-download.ts";
import { DEFAULT_REVISION, type HubModel } from "../io/hub/hub-name.ts";
import type { DownloadFlags } from "./download.ts";
import { UserError } from "./errors.ts";
import { interruptSignal } from "./interrupt.ts";
import { duration } from "./progress.ts";

/** Downloads a model, and prints the folder in the cache as the last line. */
export async function runDownload(repository: string, flags: DownloadFlags): Promise<void> {
  if (flags.all && flags.include) throw new UserError("--all takes every file, so --include has no meaning beside it");
  const model = readModel(repository, flags.revision);
  const { signal, done } = interruptSignal("stopping; run the same command again to go on");
  const progress = flags.json ? undefined : bytePrinter();
  try {
    const { include, all } = flags;
    const found = await downloadModel(model, { include, all, signal, onProgress: progress?.print });
    progress?.end();
    if (flags.json) console.log(JSON.stringify({ ...model, ...found }, undefined, 2));
    else {
      const got = found.fetched > 0 ? `${size(found.fetched)} downloaded` : "all of it was there";
      const count = found.files.length === 1 ? "1 file" : `${found.files.length} files`;
      console.log(`${count}, ${size(found.bytes)}, ${got}:\n${found.folder}`);
    }
  } catch (error) {
    progress?.end();
    throw error;
  } finally {
    done();
  }
}

function readModel(text: string, revision: string | undefined): HubModel {
  const at = text.indexOf("@");
  if (at === -1) return { repository: text, revision: revision ?? DEFAULT_REVISION };
  if (revision !== undefined) throw new UserError(`${text} names a revision, and --revision another; keep one of them`);
  return { repository: text.slice(0, at), revision: text.slice(at + 1) };
}

/** On a terminal one line that is written over; elsewhere a line every few seconds. */
function bytePrinter(): { print: (progress: HubProgress) => void; end: () => void } {
  const terminal = process.stdout.isTTY;
  let start: number | undefined;
  let printed = 0;
  let open = false;
  return {
    print: (progress) => {
      const now = performance.now();
      // From the first byte on: asking for the list and reading what is there already would make the rate too low.
      start ??= now;
      const last = progress.done === progress.total;
      if (!last && printed > 0 && now - printed < (terminal ? 200 : 5000)) return;
      printed = now;
      const line = downloadLine(progress, (now - start) / 1000);
      if (!terminal) console.log(line);
      else process.stdout.write(`\r${line.slice(0, process.stdout.columns - 1)}\u001b[K`);
      open = terminal;
    },
    end: () => {
      if (open) process.stdout.write("\n");
      open = false;
    },
  };
}

/** `model.safetensors  120.5 MB of 605.2 MB  19%  11.2 MB/s  0:43 left` */
export function downloadLine({ file, done, total, fetched }: HubProgress, seconds: number): string {
  const rate = seconds > 0 ? fetched / seconds : 0;
  const share = total === 0 ? 100 : Math.floor((100 * done) / total);
  const left = rate > 0 ? `${duration((total - done) / rate)} left` : "";
  return [file, `${size(done)} of ${size(total)}`, `${share}%`, `${size(rate)}/s`, left].join("  ").trimEnd();
}

function size(bytes: number): string {
  if (bytes >= 1e9) return `${(bytes / 1e9).toFixed(2)} GB`;
  if (bytes >= 1e6) return `${(bytes / 1e6).toFixed(1)} MB`;
  return bytes >= 1e3 ? `${(bytes / 1e3).toFixed(1)} kB` : `${Math.round(bytes)} B`;
}
