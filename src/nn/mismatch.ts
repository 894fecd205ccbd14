/** In what weights differ from a network: names that it needs, names that it does not know, and shapes in words. */
export type Mismatch = { missing: string[]; extra: string[]; misshapen: string[] };

const MOST_NAMES = 20;

/** In one line; undefined where there is nothing to tell. */
export function describeMismatch(lists: Partial<Mismatch>): string | undefined {
  const parts = Object.entries(lists).filter(([, names]) => names.length > 0);
  if (parts.length === 0) return undefined;
  const text = parts.map(([kind, names]) => {
    const more = names.length > MOST_NAMES ? ` and ${names.length - MOST_NAMES} more` : "";
    return `${kind} (${names.length}): ${names.slice(0, MOST_NAMES).join(", ")}${more}`;
  });
  return text.join("; ");
}
