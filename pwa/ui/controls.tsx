import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef } from 'preact/hooks';
import { Icon } from './icons.tsx';

/** What went wrong and what to do, brought into view; `detail` is the engine's own message, in English. */
export function Alert({ text, detail }: { text: string; detail?: string | null | undefined }) {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => box.current?.scrollIntoView({ block: 'nearest' }), [text, detail]);
  return (
    <div class="alert" role="alert" ref={box}>
      <Icon name="alert" />
      <div>
        <p>{text}</p>
        {detail && (
          <p class="alert-detail" lang="en">
            {detail}
          </p>
        )}
      </div>
    </div>
  );
}

interface FileButtonProps {
  readonly accept: string;
  readonly multiple?: boolean;
  readonly capture?: boolean;
  /** Asks for a whole folder. */
  readonly folder?: boolean;
  readonly class?: string;
  readonly label?: string;
  readonly name: string;
  readonly onFiles: (files: readonly File[]) => void;
  readonly children: ComponentChildren;
}

/** A button that opens the file chooser (or the camera). */
export function FileButton({
  accept,
  multiple,
  capture,
  folder,
  name,
  onFiles,
  children,
  ...rest
}: FileButtonProps) {
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <button
        type="button"
        class={rest.class ?? 'button'}
        aria-label={rest.label}
        onClick={() => input.current!.click()}
      >
        {children}
      </button>
      <input
        ref={input}
        type="file"
        hidden
        name={name}
        accept={accept}
        multiple={multiple}
        {...(capture ? { capture: 'environment' as const } : {})}
        {...(folder ? { webkitdirectory: true } : {})}
        onChange={(event) => {
          const files = [...(event.currentTarget.files ?? [])];
          // The same file can be chosen again.
          event.currentTarget.value = '';
          if (files.length > 0) onFiles(files);
        }}
      />
    </>
  );
}

type Option<T extends string> = readonly (readonly [T, string])[];

interface SelectProps<T extends string> {
  readonly label: string;
  readonly value: T;
  readonly options?: Option<T>;
  readonly groups?: readonly (readonly [name: string, options: Option<T>])[];
  readonly onChange: (value: T) => void;
  readonly disabled?: boolean;
}

export function Select<T extends string>({ label, value, onChange, disabled, ...list }: SelectProps<T>) {
  const id = useId();
  const options = (all: Option<T>) =>
    all.map(([key, text]) => (
      <option key={key} value={key} selected={key === value}>
        {text}
      </option>
    ));
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <select
        id={id}
        value={value}
        disabled={disabled}
        onChange={(event) => onChange(event.currentTarget.value as T)}
      >
        {options(list.options ?? [])}
        {list.groups
          ?.filter(([, all]) => all.length > 0)
          .map(([name, all]) => (
            <optgroup key={name} label={name}>
              {options(all)}
            </optgroup>
          ))}
      </select>
    </div>
  );
}

interface SegmentsProps<T extends string> {
  readonly name: string;
  readonly value: T;
  readonly options: Option<T>;
  readonly onChange: (value: T) => void;
}

/** Radio buttons side by side. */
export function Segments<T extends string>({ name, value, options, onChange }: SegmentsProps<T>) {
  return (
    <div class="segments">
      {options.map(([key, label]) => (
        <label key={key}>
          <input
            type="radio"
            name={name}
            value={key}
            checked={value === key}
            onChange={() => onChange(key)}
          />
          <span>{label}</span>
        </label>
      ))}
    </div>
  );
}

interface NumberFieldProps {
  readonly label: string;
  readonly value: number;
  readonly min: number;
  readonly max: number;
  readonly step: number | 'any';
  readonly onChange: (value: number) => void;
}

/** A number in a range; the browser marks and announces what does not fit. */
export function NumberField({ label, value, min, max, step, onChange }: NumberFieldProps) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input
        id={id}
        type="number"
        inputMode="decimal"
        required
        {...{ min, max, step }}
        value={Number.isNaN(value) ? '' : value}
        onChange={(event) => onChange(event.currentTarget.valueAsNumber)}
      />
    </div>
  );
}

interface CheckProps {
  readonly label: string;
  readonly checked: boolean;
  readonly onChange: (value: boolean) => void;
}

export function Check({ label, checked, onChange }: CheckProps) {
  return (
    <label class="check">
      <input type="checkbox" checked={checked} onChange={(event) => onChange(event.currentTarget.checked)} />
      <span>{label}</span>
    </label>
  );
}
