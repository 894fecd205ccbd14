import { useCallback, useEffect, useState } from "preact/hooks";
import { gallery, type GalleryItem } from "./api.ts";
import type { ServerState } from "./use-server.ts";

export type GalleryState = {
  items: readonly GalleryItem[];
  query: string;
  search(query: string): void;
  hasMore: boolean;
  more(): void;
  /** New ones, in front. */
  add(items: readonly GalleryItem[]): void;
  state: "loading" | "there" | "failed";
};

const TYPING_MS = 200;

/** What was drawn before, the newest first, a page at a time. */
export function useGallery(server: ServerState): GalleryState {
  const [items, setItems] = useState<readonly GalleryItem[]>([]);
  const [query, search] = useState("");
  const [hasMore, setHasMore] = useState(false);
  const [state, setState] = useState<GalleryState["state"]>("loading");
  const isThere = server !== "gone" && server !== "unknown" && server !== "locked";

  useEffect(() => {
    if (!isThere) return undefined;
    let over = false;
    const look = async (): Promise<void> => {
      const page = await gallery({ query }).catch(() => undefined);
      if (over) return;
      setState(page ? "there" : "failed");
      if (page) setItems(page.data);
      setHasMore(page?.has_more ?? false);
    };
    const timer = window.setTimeout(() => void look(), query === "" ? 0 : TYPING_MS);
    return () => {
      over = true;
      window.clearTimeout(timer);
    };
  }, [isThere, query]);

  const more = async (): Promise<void> => {
    const page = await gallery({ query, before: items.at(-1)?.id }).catch(() => undefined);
    if (!page) return setState("failed");
    setItems((before) => before.concat(page.data));
    setHasMore(page.has_more);
  };

  return {
    items,
    query,
    search,
    hasMore,
    state,
    more: () => void more(),
    add: useCallback((some: readonly GalleryItem[]) => {
      // What was drawn is to be seen, whatever was looked for.
      search("");
      setItems((before) => [...some, ...before.filter(({ id }) => some.every((other) => other.id !== id))]);
      setState("there");
    }, []),
  };
}
