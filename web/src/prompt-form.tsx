import type { RefObject } from "preact";
import { useId, useRef } from "preact/hooks";
import { NumberField } from "./number-field.tsx";
import { MOST_CHARACTERS, newSeed, type Settings } from "./settings.ts";

export type PromptFormProps = {
  settings: Settings;
  onChange: (part: Partial<Settings>) => void;
  onReset: () => void;
  onDraw: () => void;
  onPicture: (file: File) => void;
  ready: boolean;
  /** Why the last request was not taken. */
  refused: string | undefined;
  promptRef: RefObject<HTMLTextAreaElement | null>;
};

/** How tokens are drawn. */
const SAMPLING = [
  { name: "temperature", label: "Temperature", title: "Below 1 is safer, above 1 is wilder", max: 10, step: 0.05 },
  { name: "topP", label: "Top-p", title: "Only the likeliest tokens that together reach this", max: 1, step: 0.01 },
  { name: "guidance", label: "Guidance", title: "How much more the words count; 1 is off", max: 20, step: 0.1 },
] as const;

/** What to draw, and how. Ctrl+Enter draws. */
export function PromptForm(props: PromptFormProps) {
  const { settings, onChange, onReset, onDraw, onPicture, ready, refused, promptRef } = props;
  const id = useId();
  const file = useRef<HTMLInputElement>(null);
  const tooLong = settings.prompt.length > MOST_CHARACTERS;
  const canDraw = ready && !tooLong && settings.prompt.trim() !== "";
  const problem = tooLong
    ? `The sentence has ${settings.prompt.length} characters; ${MOST_CHARACTERS} are the most that fit.`
    : refused;
  return (
    <form
      class="prompt"
      aria-label="What to draw"
      onSubmit={(event) => {
        event.preventDefault();
        if (canDraw) onDraw();
      }}
      onKeyDown={(event) => {
        if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
        event.preventDefault();
        if (canDraw) onDraw();
      }}
    >
      <label class="visually-hidden" for={`${id}-prompt`}>
        A sentence
      </label>
      <textarea
        id={`${id}-prompt`}
        ref={promptRef}
        rows={2}
        placeholder="What shall be drawn? A slice of pizza…"
        aria-invalid={tooLong}
        aria-describedby={problem === undefined ? undefined : `${id}-problem`}
        value={settings.prompt}
        onInput={(event) => onChange({ prompt: event.currentTarget.value })}
      />
      {settings.blend.length > 0 && <BlendParts settings={settings} onChange={onChange} />}
      <div class="row">
        <NumberField
          label="Pictures"
          value={settings.count}
          min={1}
          max={16}
          onChange={(count) => onChange({ count })}
        />
        <NumberField
          label="of candidates"
          title="So many are drawn; CLIP picks the best of them"
          value={settings.candidates}
          min={1}
          max={64}
          onChange={(candidates) => onChange({ candidates })}
        />
        <span class="seed">
          <NumberField
            label="Seed"
            value={settings.seed}
            min={0}
            max={Number.MAX_SAFE_INTEGER - 64}
            onChange={(seed) => onChange({ seed })}
          />
          <button
            type="button"
            class="icon"
            aria-label="Another seed"
            title="Another seed"
            onClick={() => onChange({ seed: newSeed() })}
          >
            ⚄
          </button>
          <button
            type="button"
            class="icon"
            aria-pressed={settings.locked}
            aria-label="Keep the seed"
            title={
              settings.locked ? "The seed stays; press for a new one each time" : "Keep the seed for the next drawing"
            }
            onClick={() => onChange({ locked: !settings.locked })}
          >
            {settings.locked ? "🔒" : "🔓"}
          </button>
        </span>
        <span class="grow" />
        <button type="button" onClick={() => file.current?.click()}>
          From a picture…
        </button>
        <input
          ref={file}
          type="file"
          accept="image/*"
          hidden
          onChange={(event) => {
            const chosen = event.currentTarget.files?.[0];
            event.currentTarget.value = "";
            if (chosen) onPicture(chosen);
          }}
        />
        <button type="submit" class="primary" disabled={!canDraw} title="Ctrl+Enter">
          Draw
        </button>
      </div>
      {problem !== undefined && (
        <p class="problem" id={`${id}-problem`} role="alert">
          {problem}
        </p>
      )}
      <details>
        <summary>How it is drawn</summary>
        <div class="row">
          {SAMPLING.map(({ name, ...field }) => (
            <NumberField
              key={name}
              {...field}
              min={0}
              value={settings[name]}
              onChange={(value) => onChange({ [name]: value })}
            />
          ))}
          <NumberField
            label="Top-k"
            title="Only the k likeliest tokens; empty takes all"
            value={settings.topK}
            min={1}
            max={1_000_000}
            optional
            onChange={(topK) => onChange({ topK })}
          />
          <button type="button" class="quiet" onClick={onReset}>
            As it was
          </button>
        </div>
        <label class="wide">
          Not this
          <input
            type="text"
            maxLength={MOST_CHARACTERS}
            disabled={settings.guidance === 1}
            placeholder={settings.guidance === 1 ? "needs a guidance other than 1" : "what to lead away from"}
            value={settings.negative}
            onInput={(event) => onChange({ negative: event.currentTarget.value })}
          />
        </label>
        <button type="button" onClick={() => onChange({ blend: [...settings.blend, { prompt: "", weight: 0.5 }] })}>
          Blend a sentence in
        </button>
      </details>
    </form>
  );
}

/** What is blended in, with its share. */
function BlendParts({ settings: { blend }, onChange }: Pick<PromptFormProps, "settings" | "onChange">) {
  const replace = (index: number, change: (part: Settings["blend"][number]) => Settings["blend"][number]): void =>
    onChange({ blend: blend.map((part, i) => (i === index ? change(part) : part)) });
  return (
    <ul class="blend" aria-label="Blended in">
      {blend.map((part, index) => (
        <li key={index}>
          {"picture" in part ? (
            <img src={`/v1/gallery/${part.picture}.png`} alt="a picture of the gallery" />
          ) : (
            <input
              type="text"
              aria-label="A sentence to blend in"
              placeholder="and what else?"
              value={part.prompt}
              onInput={(event) => {
                const { value } = event.currentTarget;
                replace(index, ({ weight }) => ({ prompt: value, weight }));
              }}
            />
          )}
          <label>
            <input
              type="range"
              min={0}
              max={1}
              step={0.05}
              value={part.weight}
              onInput={(event) => {
                const weight = Number(event.currentTarget.value);
                replace(index, (old) => ({ ...old, weight }));
              }}
            />
            {Math.round(part.weight * 100)} %
          </label>
          <button
            type="button"
            class="icon"
            aria-label="Take it out"
            onClick={() => onChange({ blend: blend.filter((_, i) => i !== index) })}
          >
            ✕
          </button>
        </li>
      ))}
    </ul>
  );
}
