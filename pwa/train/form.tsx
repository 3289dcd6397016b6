import { signal } from '@preact/signals';
import type { TrainOptions } from '../../workers/api.ts';
import { model, models } from '../engine.ts';
import { t } from '../i18n/index.ts';
import { Alert, Check, FileButton, NumberField, Select } from '../ui/controls.tsx';
import { useDrop } from '../ui/drop.ts';
import { Icon } from '../ui/icons.tsx';
import { start } from './run.ts';

type Settings = Omit<TrainOptions, 'model' | 'data'>;

/** Learning rates that suit each optimiser; taken over when the optimiser changes. */
const USUAL_LR = { sgd: 0.05, adam: 0.003, adamw: 0.003 } as const;

const settings = signal<Settings>({
  epochs: 3,
  batch: 64,
  optimizer: 'adamw',
  lr: USUAL_LR.adamw,
  weightDecay: 0.0005,
  momentum: 0.9,
  schedule: 'one-cycle',
  augment: false,
  seed: 1,
  fromPretrained: false,
});
const network = signal<string | null>(null);
const source = signal<'synthetic' | 'files'>('synthetic');
const counts = signal({ train: 10_000, validation: 1_000 });
const files = signal<readonly File[]>([]);
const missingFiles = signal(false);

function set<K extends keyof Settings>(key: K, value: Settings[K]): void {
  settings.value = { ...settings.value, [key]: value };
}

export function TrainForm() {
  const text = t.value.train;
  const chosen = network.value ?? model.value?.id ?? '';
  return (
    <form
      class="card form"
      aria-label={text.heading}
      onSubmit={(event) => {
        event.preventDefault();
        void submit(chosen);
      }}
    >
      <Select
        label={text.network}
        value={chosen}
        options={models.value.map((m) => [m.id, m.title] as const)}
        onChange={(id) => {
          network.value = id;
        }}
      />
      <Data />
      <Basics />
      <More />
      {missingFiles.value && <Alert text={text.noFiles} />}
      <button type="submit" class="button primary" disabled={models.value.length === 0}>
        <Icon name="play" />
        {text.start}
      </button>
    </form>
  );
}

async function submit(chosen: string): Promise<void> {
  missingFiles.value = source.value === 'files' && files.value.length === 0;
  if (missingFiles.value) return;
  const data: TrainOptions['data'] =
    source.value === 'synthetic'
      ? { kind: 'synthetic', ...counts.value }
      : {
          kind: 'files',
          files: await Promise.all(
            files.value.map(async (file) => ({ name: file.name, bytes: await file.arrayBuffer() })),
          ),
        };
  await start({ ...settings.value, model: chosen, data });
}

function Data() {
  const text = t.value.train;
  const kinds = [
    ['synthetic', text.synthetic],
    ['files', text.files],
  ] as const;
  return (
    <fieldset class="data">
      <legend>{text.data}</legend>
      <div class="segments">
        {kinds.map(([kind, label]) => (
          <label key={kind}>
            <input
              type="radio"
              name="data"
              value={kind}
              checked={source.value === kind}
              onChange={() => {
                source.value = kind;
                missingFiles.value = false;
              }}
            />
            <span>{label}</span>
          </label>
        ))}
      </div>
      {source.value === 'synthetic' ? <Counts /> : <Files />}
    </fieldset>
  );
}

function Counts() {
  const text = t.value.train;
  const field = (key: 'train' | 'validation', label: string) => (
    <NumberField
      label={label}
      value={counts.value[key]}
      min={100}
      max={200_000}
      step={1}
      onChange={(value) => {
        counts.value = { ...counts.value, [key]: value };
      }}
    />
  );
  return (
    <div class="pair">
      {field('train', text.trainImages)}
      {field('validation', text.validationImages)}
    </div>
  );
}

function add(more: readonly File[]): void {
  missingFiles.value = false;
  const names = new Set(more.map((f) => f.name));
  files.value = [...files.value.filter((f) => !names.has(f.name)), ...more];
}

function Files() {
  const text = t.value.train;
  const dropping = useDrop((transfer) => add([...transfer.files]));
  return (
    <div class="drop" data-dropping={dropping.value}>
      <p class="quiet">{text.filesHint}</p>
      <ul class="files">
        {files.value.map((file) => (
          <li key={file.name}>
            <span>{file.name}</span>
            <button
              type="button"
              class="button icon-only"
              aria-label={text.removeFile(file.name)}
              onClick={() => {
                files.value = files.value.filter((f) => f !== file);
              }}
            >
              <Icon name="close" />
            </button>
          </li>
        ))}
      </ul>
      <FileButton name="idx" accept="" multiple onFiles={add}>
        {text.chooseFiles}
      </FileButton>
    </div>
  );
}

function Basics() {
  const text = t.value.train;
  const s = settings.value;
  return (
    <div class="triple">
      <NumberField
        label={text.epochs}
        value={s.epochs}
        min={1}
        max={500}
        step={1}
        onChange={(v) => set('epochs', v)}
      />
      <NumberField
        label={text.batch}
        value={s.batch}
        min={1}
        max={1024}
        step={1}
        onChange={(v) => set('batch', v)}
      />
      <NumberField
        label={text.lr}
        value={s.lr}
        min={0.000001}
        max={10}
        step="any"
        onChange={(v) => set('lr', v)}
      />
    </div>
  );
}

function More() {
  const text = t.value.train;
  const s = settings.value;
  const schedules = ['constant', 'cosine', 'one-cycle'] as const;
  return (
    <details>
      <summary>{text.more}</summary>
      <div class="more">
        <Select
          label={text.optimizer}
          value={s.optimizer}
          options={[
            ['sgd', 'SGD'],
            ['adam', 'Adam'],
            ['adamw', 'AdamW'],
          ]}
          onChange={(optimizer) => {
            settings.value = { ...settings.value, optimizer, lr: USUAL_LR[optimizer] };
          }}
        />
        {s.optimizer === 'sgd' && (
          <NumberField
            label={text.momentum}
            value={s.momentum}
            min={0}
            max={0.999}
            step="any"
            onChange={(v) => set('momentum', v)}
          />
        )}
        <NumberField
          label={text.weightDecay}
          value={s.weightDecay}
          min={0}
          max={1}
          step="any"
          onChange={(v) => set('weightDecay', v)}
        />
        <Select
          label={text.schedule}
          value={s.schedule}
          options={schedules.map((k) => [k, text.schedules[k]] as const)}
          onChange={(v) => set('schedule', v)}
        />
        <NumberField
          label={text.seed}
          value={s.seed}
          min={0}
          max={4294967295}
          step={1}
          onChange={(v) => set('seed', v)}
        />
        <Check label={text.augment} checked={s.augment} onChange={(v) => set('augment', v)} />
        <Check
          label={text.fromPretrained}
          checked={s.fromPretrained}
          onChange={(v) => set('fromPretrained', v)}
        />
      </div>
    </details>
  );
}
