import { Tensor } from "../tensor/tensor.ts";
import { beamSearch } from "./beam-search.ts";
import { decodeTokens, type Networks } from "./decode.ts";
import {
  checkSettings,
  drawRows,
  samplingOf,
  type DrawHooks,
  type DrawnRow,
  type DrawSettings,
  type RowsRequest,
} from "./draw-rows.ts";
import { agreements, blended, subjectTargets, tokenTargets, type Subject } from "./embed.ts";
import type { BlendOrigin, PictureOrigin } from "./picture-origin.ts";
import { GeneratedPicture } from "./picture.ts";
import { Targets } from "./targets.ts";

/** What to draw, as it also goes to another thread. */
export type DrawRequest = {
  subjects: readonly Subject[];
  /** What the PNG says of the first subject, and of the others. */
  prompt: string;
  blend?: readonly BlendOrigin[];
  /** What guidance leads away from: the sentence for the PNG, and its token ids. */
  negative?: { prompt: string; ids: readonly number[] };
  model: string;
  precision?: PictureOrigin["precision"];
  /** Set where the first subject is a picture. */
  varied?: true;
  /** How often to show the first `count` candidates while they are drawn. Default 0. */
  previews?: number;
  settings: DrawSettings;
};

/**
 * Draws what requests ask for, several in one batch, on this thread; between two tokens, and between a few pictures, its event
 * loop gets a turn.
 * @throws RangeError when a setting is out of its range, or when they cannot be drawn together (`fitTogether`); the signal's
 * reason when it is aborted
 */
export async function drawPictures(
  networks: Networks,
  requests: readonly DrawRequest[],
  hooks: DrawHooks = {},
): Promise<GeneratedPicture[][]> {
  const [first, ...others] = requests;
  if (!first) return [];
  for (const { settings } of requests) checkSettings(settings);
  if (!others.every((other) => fitTogether(first, other)))
    throw new RangeError("these requests are sampled differently");
  using negative = first.negative && tokenTargets(networks, first.negative.ids);
  const away = negative && { negative: negative.condition };
  const targets: Targets[] = [];
  try {
    for (const request of requests) targets.push(await targetOf(networks, request));
    if (targets[0] && first.settings.beams !== undefined)
      return [await search(networks, { target: targets[0], ...away }, first, hooks)];
    return await sample(networks, { targets, ...away }, requests, hooks);
  } finally {
    for (const target of targets) target.dispose();
  }
}

/** Whether two requests can be drawn in one batch: their tokens are drawn the same way, by chance. */
export function fitTogether(one: DrawRequest, other: DrawRequest): boolean {
  const way = ({ negative, settings }: DrawRequest): string =>
    JSON.stringify([samplingOf(settings), settings.batchSize, negative?.ids]);
  // Who stands at a place of its own has a batch of its own.
  if (one.settings.batch ?? other.settings.batch) return false;
  return one.settings.beams === undefined && other.settings.beams === undefined && way(one) === way(other);
}

/** The blend of a request's subjects: one. */
async function targetOf(networks: Networks, { subjects }: DrawRequest): Promise<Targets> {
  using each = await subjectTargets(networks, subjects);
  return each.map((rows) =>
    blended(
      rows,
      subjects.map(({ weight }) => weight),
    ),
  );
}

/** How familiar the GPT is with what a request asks for, where one sentence does. */
function agreementOf(networks: Networks, { subjects }: DrawRequest, target: Targets | undefined): number | undefined {
  const isSentence = subjects.length === 1 && subjects.every((subject) => "ids" in subject);
  return isSentence && target ? agreements(networks, target)?.[0] : undefined;
}

/** Requests' candidates one after the other in one batch. */
async function sample(
  networks: Networks,
  { targets, ...away }: { targets: readonly Targets[]; negative?: Tensor },
  requests: readonly DrawRequest[],
  hooks: DrawHooks,
): Promise<GeneratedPicture[][]> {
  const rows = requests.flatMap((request, owner) => {
    const { count = 1, candidates = count, seed = 0 } = request.settings;
    return Array.from({ length: candidates }, (_, candidate) => ({
      owner,
      seed: seed + candidate,
      previews: candidate < count ? (request.previews ?? 0) : 0,
    }));
  });
  using joined = Targets.cat(targets);
  const owners = rows.map(({ owner }) => owner);
  using each = joined.map((all) => all.indexSelect(0, Tensor.from(owners, [rows.length], "int64").to(all.device)));
  const drawn: GeneratedPicture[][] = requests.map(() => []);
  const agreement = requests.map((own, i) => agreementOf(networks, own, targets[i]));
  const request: RowsRequest = {
    targets: each,
    ...away,
    seeds: rows.map(({ seed }) => seed),
    previews: rows.map(({ previews }) => previews),
    settings: requests[0]?.settings ?? {},
  };
  let done = 0;
  for await (const some of drawRows(networks, request, hooks)) {
    for (const row of some) {
      const owner = owners[done] ?? 0;
      const own = requests[owner];
      done += 1;
      if (!own) continue;
      const origin = { ...subjectOrigin(own), ...samplingOf(own.settings) };
      drawn[owner]?.push(pictureOf(networks, row, origin, agreement[owner]));
    }
  }
  return drawn.map((pictures, i) =>
    pictures.sort((a, b) => b.score - a.score).slice(0, requests[i]?.settings.count ?? 1),
  );
}

/** A drawn row with its origin. */
export function pictureOf(
  { vqgan }: Pick<Networks, "vqgan">,
  { pixels, tokens, seed, score, batch }: DrawnRow,
  origin: Omit<PictureOrigin, "seed" | "score" | "batch">,
  agreement?: number,
): GeneratedPicture {
  // What is told of a picture does not depend on what else was in its batch, which the last digits do.
  const told = Math.round(score * 1e4) / 1e4;
  return new GeneratedPicture({
    pixels,
    size: vqgan.config.resolution,
    tokens,
    agreement,
    origin: { ...origin, seed, ...(batch && batch.rows > 1 && { batch }), score: told },
  });
}

async function search(
  networks: Networks,
  { target, ...away }: { target: Targets; negative?: Tensor },
  request: DrawRequest,
  { signal }: DrawHooks,
): Promise<GeneratedPicture[]> {
  const { count = 1, beams = 4, guidanceScale = 1 } = request.settings;
  const found = await beamSearch(networks.gpt, target.condition, {
    beams,
    guidanceScale,
    ...away,
    ...(signal && { signal }),
  });
  const tokens = found.slice(0, count).map((beam) => beam.tokens);
  const origin = { ...subjectOrigin(request), beams, guidanceScale };
  const agreement = agreementOf(networks, request, target);
  const decoded = await decodeTokens(networks, { tokens, embedding: target.embedding }, signal);
  return decoded.map(({ pixels, score }, i) =>
    pictureOf(networks, { pixels, score, seed: 0, tokens: tokens[i] ?? [] }, origin, agreement),
  );
}

/** What a picture's origin has of the request, whatever draws it. */
function subjectOrigin({
  prompt,
  blend,
  negative,
  model,
  precision,
  varied,
}: DrawRequest): Pick<PictureOrigin, "prompt" | "varied" | "blend" | "negativePrompt" | "model" | "precision"> {
  return {
    prompt,
    ...(varied && { varied }),
    ...(blend && { blend }),
    ...(negative && { negativePrompt: negative.prompt }),
    model,
    ...(precision && { precision }),
  };
}
