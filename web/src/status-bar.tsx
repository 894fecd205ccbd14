import type { Server, ServerState } from "./use-server.ts";

const texts: Readonly<Partial<Record<ServerState, string>>> = {
  loading: "The model is loading…",
  failed: "The model could not be loaded; the server's log says why.",
  gone: "The server does not answer. This page tries again by itself; what you wrote stays.",
};

/** What stands in the way of drawing; nothing where all is well. */
export function StatusBar({ server: { state } }: { server: Server }) {
  const text = texts[state];
  return (
    <div class={`status ${state}`} role="status">
      {text}
    </div>
  );
}
