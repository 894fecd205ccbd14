import { useCallback, useEffect, useState } from "preact/hooks";
import { health, model, Refused, type ModelInfo } from "./api.ts";

export type ServerState = "unknown" | "loading" | "ready" | "failed" | "gone" | "locked";
export type Server = { state: ServerState; waiting: number; model: ModelInfo | undefined; retry: () => void };

const EVERY_MS = 2500;

/** How the server is, asked again and again. */
export function useServer(): Server {
  const [state, setState] = useState<ServerState>("unknown");
  const [waiting, setWaiting] = useState(0);
  const [known, setKnown] = useState<ModelInfo | undefined>();
  const [turn, setTurn] = useState(0);

  useEffect(() => {
    let over = false;
    let timer: number | undefined;
    const look = async (): Promise<void> => {
      const found = await state_();
      if (over) return;
      setState(found.state);
      setWaiting(found.waiting);
      if (found.model) setKnown(found.model);
      timer = window.setTimeout(() => void look(), EVERY_MS);
    };
    void look();
    return () => {
      over = true;
      window.clearTimeout(timer);
    };
  }, [turn]);

  return { state, waiting, model: known, retry: useCallback(() => setTurn((before) => before + 1), []) };
}

async function state_(): Promise<{ state: ServerState; waiting: number; model?: ModelInfo | undefined }> {
  try {
    const { status, waiting } = await health();
    if (status !== "ready") return { state: status, waiting };
    return { state: "ready", waiting, model: await model() };
  } catch (error) {
    return { state: error instanceof Refused && error.status === 401 ? "locked" : "gone", waiting: 0 };
  }
}
