import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { inspect, Refused, type Inspected } from "./api.ts";

/** A picture that somebody brought, and how it was drawn where it is one of ours. */
export type Dropped = { blob: Blob; name: string; url: string; origin: Inspected["origin"] };

type Handlers = { onDropped: (dropped: Dropped) => void; onRefused: (reason: string) => void };

/** Takes pictures that are dropped anywhere on the page. */
export function DropTarget({ children, ...handlers }: Handlers & { children: ComponentChildren }) {
  const [over, setOver] = useState(false);
  return (
    <div
      class={over ? "page over" : "page"}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={(event) => {
        if (event.currentTarget === event.target) setOver(false);
      }}
      onDrop={(event) => {
        event.preventDefault();
        setOver(false);
        const file = event.dataTransfer?.files[0];
        if (file) void DropTarget.read(file, handlers);
      }}
      onPaste={(event) => {
        const file = event.clipboardData?.files[0];
        if (file) void DropTarget.read(file, handlers);
      }}
    >
      {children}
    </div>
  );
}

/** Asks the server what a picture tells of itself. */
DropTarget.read = async (file: File, { onDropped, onRefused }: Handlers): Promise<void> => {
  try {
    const { origin } = await inspect(file);
    onDropped({ blob: file, name: file.name, url: URL.createObjectURL(file), origin });
  } catch (error) {
    onRefused(error instanceof Refused ? `${file.name}: ${error.message}.` : "The server does not answer.");
  }
};
