import { useEffect, useState } from "preact/hooks";

export type View = "draw" | "runs";

/** What the address asks for after its #. */
export function useView(): View {
  return useHash().startsWith("#runs") ? "runs" : "draw";
}

/** Which runs are shown, and how. It stands in the address (`#runs?chosen=a,b&log`): a reload, or a link, shows the same. */
export type RunsShown = { chosen: readonly string[] | undefined; log: boolean };

export function useRunsShown(): [shown: RunsShown, show: (shown: RunsShown) => void] {
  const query = new URLSearchParams(useHash().split("?")[1]);
  const chosen = query
    .get("chosen")
    ?.split(",")
    .filter((id) => id !== "");
  const show = ({ chosen: ids, log }: RunsShown): void => {
    const parts = [...(ids ? [`chosen=${ids.join(",")}`] : []), ...(log ? ["log"] : [])];
    window.location.replace(parts.length > 0 ? `#runs?${parts.join("&")}` : "#runs");
  };
  return [{ chosen, log: query.has("log") }, show];
}

function useHash(): string {
  const [hash, setHash] = useState(window.location.hash);
  useEffect(() => {
    const look = (): void => setHash(window.location.hash);
    window.addEventListener("hashchange", look);
    return () => window.removeEventListener("hashchange", look);
  }, []);
  return hash;
}
