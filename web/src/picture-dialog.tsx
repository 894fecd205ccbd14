import { useEffect, useRef, useState } from "preact/hooks";
import type { GalleryItem } from "./api.ts";

export type PictureDialogProps = {
  item: GalleryItem;
  items: readonly GalleryItem[];
  onShow: (item: GalleryItem) => void;
  onClose: () => void;
  onReuse: (item: GalleryItem) => void;
  onVary: (picture: Blob, name: string) => void;
  onBlend: (item: GalleryItem) => void;
};

/** One picture, large, with what it was drawn from, and what can be done with it. Arrow keys go to its neighbours. */
export function PictureDialog({ item, items, onShow, onClose, onReuse, onVary, onBlend }: PictureDialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const code = useRef<HTMLElement>(null);
  const [copied, setCopied] = useState(false);
  useEffect(() => dialog.current?.showModal(), []);
  useEffect(() => setCopied(false), [item]);
  const step = (by: number): void => {
    const next = items[items.findIndex(({ id }) => id === item.id) + by];
    if (next) onShow(next);
  };
  const { origin, command } = item;
  return (
    <dialog
      ref={dialog}
      aria-label={origin.prompt}
      onClose={onClose}
      onClick={(event) => {
        if (event.target === dialog.current) onClose();
      }}
      onKeyDown={(event) => {
        if (event.key === "ArrowRight") step(1);
        if (event.key === "ArrowLeft") step(-1);
      }}
    >
      <div class="picture">
        <img src={item.url} alt={origin.prompt} />
        <div>
          <h2>{origin.prompt}</h2>
          <dl>
            {factsOf(item).map(([name, value]) => (
              <div key={name}>
                <dt>{name}</dt>
                <dd>{value}</dd>
              </div>
            ))}
          </dl>
          <div class="buttons">
            {origin.varied === undefined && (
              <button type="button" class="primary" onClick={() => onReuse(item)}>
                Use again
              </button>
            )}
            <button type="button" onClick={() => void pictureOf(item).then((blob) => onVary(blob, `${item.id}.png`))}>
              Vary
            </button>
            <button type="button" onClick={() => onBlend(item)}>
              Blend
            </button>
            <a class="button" href={item.url} download={`${fileNameOf(origin.prompt)}.png`}>
              Download
            </a>
          </div>
          <p class="command">
            <code ref={code}>{command}</code>
            <button type="button" class="quiet" onClick={() => void copy(command, code.current).then(setCopied)}>
              {copied ? "Copied" : "Copy the command"}
            </button>
          </p>
          {needsFile(item) && <p class="hint">Where it runs, the pictures that it names have to lie.</p>}
          <form method="dialog">
            <button type="submit">Close</button>
          </form>
        </div>
      </div>
    </dialog>
  );
}

/** Whether it was copied. Only pages that came safely have a clipboard: elsewhere the text is marked. */
async function copy(text: string, shown: HTMLElement | null): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    if (shown) getSelection()?.selectAllChildren(shown);
    return false;
  }
}

function needsFile({ origin }: GalleryItem): boolean {
  return origin.varied !== undefined || (origin.blend ?? []).some((part) => "picture" in part);
}

function factsOf({ origin, size, created }: GalleryItem): [name: string, value: string][] {
  const facts: [name: string, value: string | number | undefined][] = [
    ["Score", origin.score.toFixed(4)],
    ["Seed", origin.beams === undefined ? origin.seed : undefined],
    ["Temperature", origin.temperature],
    ["Top-p", origin.topP],
    ["Top-k", origin.topK],
    ["Guidance", origin.guidanceScale],
    ["Beams", origin.beams],
    ["Not", origin.negativePrompt],
    [
      "Blended in",
      origin.blend
        ?.map((part) => `${"prompt" in part ? part.prompt : "a picture"}, ${Math.round(part.weight * 100)} %`)
        .join("; "),
    ],
    ["Model", origin.model],
    ["Size", `${size} × ${size}`],
    ["Drawn", new Date(created).toLocaleString()],
  ];
  return facts.flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]]));
}

async function pictureOf({ url }: GalleryItem): Promise<Blob> {
  return await (await fetch(url)).blob();
}

function fileNameOf(prompt: string): string {
  return (
    prompt
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}]+/gu, "-")
      .replaceAll(/^-|-$/g, "")
      .slice(0, 60) || "picture"
  );
}
