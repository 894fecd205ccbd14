import { join } from "node:path";
import { writeFileAtomic, writeFolderAtomic } from "../io/atomic.ts";
import { writeJson } from "../io/json.ts";
import type { Evaluation } from "../evaluate/evaluate.ts";
import { reportJson, type ReportAbout } from "./evaluation-about.ts";

/**
 * Writes an evaluation as a new folder with `metrics.json` and `index.html`, which holds everything that it shows.
 * @throws Error when the folder exists; the signal's reason when it is aborted, and then nothing has been written
 */
export async function writeReport(
  folder: string,
  evaluation: Evaluation,
  about: ReportAbout & { signal?: AbortSignal | undefined },
): Promise<void> {
  const { signal, ...told } = about;
  // Only now: what reads and writes pictures takes a while to load.
  const [{ reportPage }, { SHOWN_DRAWINGS }] = await Promise.all([
    import("./evaluation-page.ts"),
    import("./evaluation-cards.ts"),
  ]);
  await writeFolderAtomic(folder, async (temporary) => {
    const nearest = await nearestPictures(evaluation, SHOWN_DRAWINGS);
    writeJson(join(temporary, "metrics.json"), reportJson(evaluation, told));
    writeFileAtomic(join(temporary, "index.html"), await reportPage(evaluation, told, nearest));
    signal?.throwIfAborted();
  });
}

/** The training pictures beside the drawings that are shown: they were not kept when they were looked at. */
async function nearestPictures(
  { drawings, pictures: { size } }: Evaluation,
  shown: number,
): Promise<Map<string, Uint8Array>> {
  const wanted = new Set(drawings.slice(0, shown).flatMap(({ nearest }) => (nearest ? [nearest.file] : [])));
  if (wanted.size === 0) return new Map();
  const { readPictures } = await import("../data/pictures.ts");
  const { images, names } = await readPictures(
    Array.from(wanted, (file) => ({ file })),
    { size },
  );
  const bytes = size * size * 3;
  return new Map(names.map((name, i) => [name, images.subarray(i * bytes, (i + 1) * bytes)]));
}
