import { cat } from "../tensor/functions.generated.ts";
import { tidy } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Networks } from "./decode.ts";
import { checkSettings, drawRows, samplingOf, type DrawHooks, type DrawSettings } from "./draw-rows.ts";
import { drawPictures, pictureOf, type DrawRequest } from "./draw.ts";
import { blended, subjectTargets, type Subject } from "./embed.ts";
import type { PictureOrigin } from "./picture-origin.ts";
import type { GeneratedPicture } from "./picture.ts";
import { slerpShare } from "./slerp.ts";
import { smoothPath } from "./smooth-path.ts";
import type { Targets } from "./targets.ts";

export type JourneySettings = Omit<DrawSettings, "count" | "candidates" | "beams"> & {
  /** How many pictures, the stops among them. Default 8. */
  frames?: number;
  /**
   * How many times to draw each frame, with as many seeds; of these the path is taken that is best in both CLIP's score and
   * how little changes from frame to frame. Default 1: all frames have the one seed.
   */
  candidates?: number;
};

/** A sentence's token ids or a picture, and what the frames' origins call it. */
export type Stop = { subject: Subject; name: string };

/** A journey to draw, as it also goes to another thread. */
export type JourneyRequest = {
  stops: readonly Stop[];
  model: string;
  precision?: PictureOrigin["precision"];
  settings: JourneySettings;
};

/** A frame's place: so much of the stop `from`, and the rest of the one after it. */
type Place = { from: number; share: number };

/**
 * Draws the pictures on the way from stop to stop, in even angles between the stops' embeddings. A
 * candidate's frames have one seed. The sampler takes one random number a token, so a frame has the tokens of its neighbour but where the
 * condition's change moves the distribution past that number, and what follows from there.
 * @throws RangeError when a setting is out of its range; the signal's reason when it is aborted
 */
export async function drawJourney(
  networks: Networks,
  { stops, model, precision, settings }: JourneyRequest,
  hooks: DrawHooks = {},
): Promise<GeneratedPicture[]> {
  const { frames = 8, candidates = 1, seed = 0 } = settings;
  checkSettings({ ...settings, candidates });
  checkStops(stops, frames);
  using ends = await subjectTargets(
    networks,
    stops.map(({ subject }) => subject),
  );
  const places = placesOf(ends, frames);
  using targets = ends.map((all) => cat(places.map((place) => between(all, place))).repeat([candidates, 1])); // candidates · frames
  const seeds = Array.from({ length: candidates * frames }, (_, row) => seed + Math.floor(row / frames));
  const origin = (row: number): Omit<PictureOrigin, "seed" | "score"> => ({
    ...originOf(stops, places[row % frames]),
    ...samplingOf(settings),
    model,
    ...(precision && { precision }),
  });
  const drawn: GeneratedPicture[] = [];
  for await (const rows of drawRows(networks, { targets, seeds, settings }, hooks)) {
    for (const row of rows) drawn.push(pictureOf(networks, row, origin(drawn.length)));
  }
  return smoothPath(Array.from({ length: candidates }, (_, i) => drawn.slice(i * frames, (i + 1) * frames)));
}

/** Draws what is asked for: the pictures of each request, or a journey. */
export async function drawRequests(
  networks: Networks,
  requests: readonly DrawRequest[] | JourneyRequest,
  hooks: DrawHooks = {},
): Promise<GeneratedPicture[][]> {
  return "stops" in requests
    ? [await drawJourney(networks, requests, hooks)]
    : await drawPictures(networks, requests, hooks);
}

/** The blend at a place: (N, D) of the stops → (1, D) */
function between(stops: Tensor, { from, share }: Place): Tensor {
  return share === 0 ? stops.narrow(0, from, 1) : blended(stops.narrow(0, from, 2), [1 - share, share]);
}

/** Every stop is a frame, and the others lie as evenly between them as whole numbers allow. */
function placesOf({ condition, count }: Targets, frames: number): Place[] {
  const row = (i: number): number[] => tidy(() => condition.narrow(0, i, 1).flatten().toNumbers());
  const stops = Array.from({ length: count }, (_, i) => row(i));
  const legs = stops.length - 1;
  const start = (stop: number): number => Math.round((stop * (frames - 1)) / legs);
  return Array.from({ length: frames }, (_, frame) => {
    let from = 0;
    while (from < legs && start(from + 1) <= frame) from += 1;
    const [a, b] = [stops[from] ?? [], stops[from + 1]];
    const share = b ? slerpShare(a, b, (frame - start(from)) / (start(from + 1) - start(from))) : 0;
    return { from, share };
  });
}

/** A frame is a blend, and `generate` draws it again as one. */
function originOf(
  stops: readonly Stop[],
  place: Place | undefined,
): Pick<PictureOrigin, "prompt" | "varied" | "blend"> {
  const [from, to] = stops.slice(place?.from ?? 0);
  const weight = place?.share ?? 0;
  const start = { prompt: from?.name ?? "", ...(from && !("ids" in from.subject) && { varied: true as const }) };
  if (!to || weight === 0) return start;
  return { ...start, blend: ["ids" in to.subject ? { prompt: to.name, weight } : { picture: to.name, weight }] };
}

function checkStops(stops: readonly Stop[], frames: number): void {
  if (stops.length < 2) throw new RangeError(`a journey needs at least two stops, got ${stops.length}`);
  if (!Number.isInteger(frames) || frames < stops.length) {
    throw new RangeError(`frames is ${frames}, expected a whole number of at least ${stops.length}, one for each stop`);
  }
}
