import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import type { GalleryItem, GenerationRequest } from "./api.ts";
import { DropTarget, type Dropped } from "./drop-target.tsx";
import { Gallery } from "./gallery.tsx";
import { JobCard } from "./job-card.tsx";
import { Login } from "./login.tsx";
import { PictureDialog } from "./picture-dialog.tsx";
import { PromptForm } from "./prompt-form.tsx";
import {
  changed,
  defaults,
  newSeed,
  requestOf,
  settingsOf,
  storedSettings,
  storeSettings,
  type Settings,
} from "./settings.ts";
import { RunsView } from "./runs-view.tsx";
import { StatusBar } from "./status-bar.tsx";
import { ThemeSwitch } from "./theme-switch.tsx";
import { useGallery } from "./use-gallery.ts";
import { useJobs } from "./use-jobs.ts";
import { useServer } from "./use-server.ts";
import { useView } from "./use-view.ts";

/** The page: a sentence above, what is being drawn below it, and everything that was drawn before. */
export function App() {
  const server = useServer();
  const [settings, setSettings] = useState<Settings>(storedSettings);
  const [shown, setShown] = useState<GalleryItem | undefined>();
  const [dropped, setDropped] = useState<Dropped | undefined>();
  const [said, say] = useState("");
  const view = useView();
  const prompt = useRef<HTMLTextAreaElement>(null);
  const gallery = useGallery(server.state);
  const jobs = useJobs(server.state, {
    onDone: (job) => {
      gallery.add(job.pictures);
      const best = job.pictures[0]?.origin.score.toFixed(2);
      say(`${job.pictures.length} of ${JSON.stringify(job.prompt)} drawn, the best score is ${best}`);
    },
  });

  useEffect(() => storeSettings(settings), [settings]);
  const change = useCallback((part: Partial<Settings>) => setSettings((before) => changed(before, part)), []);

  // The form shows the seed of the last drawing, so that the lock keeps that one; the next drawing takes another.
  const lastSeed = useRef<number | undefined>(undefined);
  const next = (form: Settings): Settings =>
    !form.locked && form.seed === lastSeed.current ? { ...form, seed: newSeed() } : form;
  const begin = async (form: Settings, start: (request: GenerationRequest) => Promise<boolean>): Promise<void> => {
    const taken = next(form);
    if (!(await start(requestOf(taken, server.model?.token_rows ?? 0)))) return;
    lastSeed.current = taken.seed;
    setSettings(taken);
  };
  const draw = async (): Promise<void> => await begin(settings, jobs.draw);
  const vary = async (picture: Blob, name: string): Promise<void> => {
    setShown(undefined);
    setDropped(undefined);
    // Others like it, and not the one that the form may be set to draw again.
    const form = settings.again ? { ...changed(settings, {}), seed: newSeed() } : settings;
    await begin(form, async (request) => await jobs.vary(picture, name, request));
  };
  const bring = (picture: Dropped): void => {
    jobs.refuse(undefined);
    setDropped(picture);
  };
  const reuse = (item: Pick<GalleryItem, "origin">): void => {
    setSettings((before) => settingsOf(item, before));
    setShown(undefined);
    setDropped(undefined);
    say("the form draws this picture again; another sentence draws as many as before");
    prompt.current?.focus();
  };

  if (server.state === "locked") return <Login onDone={server.retry} />;
  return (
    <DropTarget onDropped={bring} onRefused={jobs.refuse}>
      <header>
        <h1>clip-gen</h1>
        {server.model && <span class="model">{server.model.id}</span>}
        <nav aria-label="Pages">
          {(["draw", "runs"] as const).map((name) => (
            <a key={name} href={`#${name}`} aria-current={view === name ? "page" : undefined}>
              {name === "draw" ? "Draw" : "Training runs"}
            </a>
          ))}
        </nav>
        <ThemeSwitch />
      </header>
      <main>
        <StatusBar server={server} />
        {view === "runs" && <RunsView />}
        <div class="draw" hidden={view !== "draw"}>
          <PromptForm
            settings={settings}
            onChange={change}
            onReset={() => setSettings({ ...defaults, prompt: settings.prompt, seed: newSeed() })}
            onDraw={() => void draw()}
            onPicture={(file) => void DropTarget.read(file, { onDropped: bring, onRefused: jobs.refuse })}
            ready={server.state === "ready"}
            refused={jobs.refused}
            promptRef={prompt}
          />
          {dropped && (
            <section class="dropped" aria-label="The picture that you brought">
              <img src={dropped.url} alt={dropped.name} />
              <p>{dropped.origin ? <>Drawn here from “{dropped.origin.prompt}”.</> : dropped.name}</p>
              <div class="buttons">
                {dropped.origin && (
                  <button type="button" onClick={() => dropped.origin && reuse({ origin: dropped.origin })}>
                    Use its settings
                  </button>
                )}
                <button type="button" onClick={() => void vary(dropped.blob, dropped.name)}>
                  Draw like it
                </button>
                <button type="button" class="quiet" onClick={() => setDropped(undefined)}>
                  Put it away
                </button>
              </div>
            </section>
          )}
          {jobs.open.map((job) => (
            <JobCard
              key={job.view.id}
              job={job}
              onCancel={() => void jobs.cancel(job.view.id)}
              onDismiss={() => jobs.dismiss(job.view.id)}
            />
          ))}
          <Gallery gallery={gallery} onOpen={setShown} />
        </div>
      </main>
      {shown && (
        <PictureDialog
          item={shown}
          items={gallery.items}
          onShow={setShown}
          onClose={() => setShown(undefined)}
          onReuse={reuse}
          onVary={(blob, name) => void vary(blob, name)}
          onBlend={(item) => {
            change({ blend: [...settings.blend, { picture: item.id, weight: 0.5 }] });
            setShown(undefined);
            prompt.current?.focus();
          }}
        />
      )}
      <div class="visually-hidden" role="status" aria-live="polite">
        {said}
      </div>
    </DropTarget>
  );
}
