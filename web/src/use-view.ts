import { useEffect, useState } from "preact/hooks";

export type View = "draw" | "runs";

/** What the address asks for after its #. */
export function useView(): View {
  const [view, setView] = useState<View>(viewOf);
  useEffect(() => {
    const look = (): void => setView(viewOf());
    window.addEventListener("hashchange", look);
    return () => window.removeEventListener("hashchange", look);
  }, []);
  return view;
}

function viewOf(): View {
  return window.location.hash === "#runs" ? "runs" : "draw";
}
