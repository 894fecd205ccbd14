/** How many pictures may be broken: some always are, and where many are, something else is wrong. */

/** What is said of a picture that cannot be read. */
export type Skipped = { file: string; reason: string };

/** How many broken pictures of so many are no reason to stop: one in a hundred, and at least 100. */
export function usualBroken(count: number): number {
  return Math.max(100, Math.ceil(count / 100));
}

/** Throws where too many of `count` pictures are broken, or all of them; the message has the first one's reason. */
export function checkBroken(
  broken: number,
  about: { count: number; mostBroken: number; first: Skipped | undefined },
): void {
  const { count, mostBroken, first } = about;
  if (broken <= mostBroken && broken < count) return;
  const reason = first ? `; the first, ${first.file}: ${first.reason}` : "";
  throw new Error(
    broken >= count
      ? `none of ${count} pictures could be read${reason}`
      : `${broken} of ${count} pictures cannot be read, expected ${mostBroken} at most${reason}`,
  );
}
