import { useEffect, useState } from "preact/hooks";

type Common = { label: string; title?: string; min: number; max: number; step?: number };
type NumberFieldProps = Common &
  (
    | { optional?: false; value: number; onChange: (value: number) => void }
    | { optional: true; value: number | undefined; onChange: (value: number | undefined) => void }
  );

/** A number that can be typed; what does not fit is told, and not taken. */
export function NumberField(props: NumberFieldProps) {
  const { label, title, min, max, step = 1, value } = props;
  const [text, setText] = useState(String(value ?? ""));
  // What is typed stays as it is while it means the same.
  useEffect(() => setText((before) => (numberOf(before) === value ? before : String(value ?? ""))), [value]);
  const typed = numberOf(text);
  const fits =
    typed === undefined
      ? props.optional === true
      : typed >= min && typed <= max && (step !== 1 || Number.isInteger(typed));
  const input = (next: string): void => {
    setText(next);
    const found = numberOf(next);
    const isRight = found !== undefined && found >= min && found <= max && (step !== 1 || Number.isInteger(found));
    if (isRight) props.onChange(found);
    else if (found === undefined && props.optional) props.onChange(undefined);
  };
  return (
    <label class="number" title={title}>
      {label}
      <input
        type="number"
        inputMode="decimal"
        {...{ min, max, step }}
        value={text}
        aria-invalid={!fits}
        onInput={(event) => input(event.currentTarget.value)}
        onBlur={() => {
          if (!fits) setText(String(value ?? ""));
        }}
      />
      {!fits && (
        <span class="limits" role="alert">
          {step === 1 && "a whole number "}from {min} to {max}
        </span>
      )}
    </label>
  );
}

function numberOf(text: string): number | undefined {
  return text.trim() === "" || Number.isNaN(Number(text)) ? undefined : Number(text);
}
