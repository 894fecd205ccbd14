import type { GalleryItem } from "./api.ts";
import type { GalleryState } from "./use-gallery.ts";

/** Everything that was drawn, and a search in it. */
export function Gallery({ gallery, onOpen }: { gallery: GalleryState; onOpen: (item: GalleryItem) => void }) {
  const { items, query, search, state, hasMore, more } = gallery;
  return (
    <section class="gallery" aria-label="Gallery">
      <div class="row">
        <h2>Gallery</h2>
        <input
          type="search"
          aria-label="Words to look for"
          placeholder="Search"
          maxLength={200}
          value={query}
          onInput={(event) => search(event.currentTarget.value)}
        />
      </div>
      {items.length === 0 && <p class="empty">{emptyText(gallery)}</p>}
      <ul class="tiles">
        {items.map((item) => (
          <li key={item.id}>
            <button
              type="button"
              class="tile"
              onClick={() => onOpen(item)}
              aria-label={`${item.origin.prompt}, score ${item.origin.score.toFixed(2)}`}
            >
              <img src={item.url} width={item.size} height={item.size} alt="" loading="lazy" />
            </button>
            <span class="score" title="How well CLIP finds that it fits the words">
              {item.origin.score.toFixed(2)}
            </span>
          </li>
        ))}
      </ul>
      {hasMore && state === "there" && (
        <button type="button" class="more" onClick={more}>
          Older ones
        </button>
      )}
    </section>
  );
}

function emptyText({ state, query }: GalleryState): string {
  if (state === "loading") return "Looking…";
  if (state === "failed") return "The gallery cannot be read just now.";
  return query === ""
    ? "Nothing has been drawn yet. Write a sentence, and press Ctrl+Enter."
    : `No sentence has the words “${query}”.`;
}
