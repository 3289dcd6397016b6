import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import type { ModelSummary } from '../../workers/api.ts';
import { capabilities, engine, readsDigits } from '../engine.ts';
import { bytes, compact, networkTitle, number, percent, when } from '../i18n/index.ts';
import '../styles/models.css';
import * as storage from '../storage.ts';
import { loadSets, removeSet, sets } from '../train/data.ts';
import { loadNetworks, networks } from '../train/form-state.ts';
import { Save } from '../train/save.tsx';
import { Alert, FileButton, Select } from '../ui/controls.tsx';
import { useDrop } from '../ui/drop.ts';
import { Icon } from '../ui/icons.tsx';
import { withUndo } from '../ui/toast.tsx';
import * as shelf from './state.ts';
import { text } from './text.ts';

export default function ModelsPage() {
  const words = text.value;
  useEffect(() => void Promise.all([storage.measureStorage(), loadSets(), loadNetworks()]), []);
  return (
    <div class="models">
      <header class="page-head">
        <h1>{words.heading}</h1>
        <p class="quiet">{words.lead}</p>
      </header>
      {capabilities.value?.keeps === false && <p class="notice">{words.notKept}</p>}
      {shelf.problem.value && <Alert text={words.failed} detail={shelf.problem.value} />}
      <ul class="shelf">
        {shelf.shown.value.map((m) => (
          <Card key={m.id} model={m} />
        ))}
      </ul>
      <div class="shelf-tools">
        <Import />
        <StorageUse />
      </div>
    </div>
  );
}

function Card({ model }: { model: ModelSummary }) {
  const words = text.value;
  const editing = useSignal(false);
  const own = model.origin !== 'shipped';
  return (
    <li class="card model" data-testid="model">
      {editing.value ? (
        <Rename
          model={model}
          onDone={() => {
            editing.value = false;
          }}
        />
      ) : (
        <div class="model-head">
          <h2>{networkTitle(model.id, model.title)}</h2>
          {own && (
            <button
              type="button"
              class="button plain icon-only"
              aria-label={`${words.rename}: ${model.title}`}
              onClick={() => {
                editing.value = true;
              }}
            >
              <Icon name="edit" />
            </button>
          )}
        </div>
      )}
      <p class="quiet">
        {words.origins[model.origin]}
        {model.created !== null && ` · ${when(model.created)}`}
      </p>
      <Facts model={model} />
      <Actions model={model} />
    </li>
  );
}

function Rename({ model, onDone }: { model: ModelSummary; onDone: () => void }) {
  const words = text.value;
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => field.current?.select(), []);
  return (
    <form
      class="rename"
      onSubmit={(event) => {
        event.preventDefault();
        onDone();
        void shelf.rename(model.id, field.current!.value);
      }}
      onKeyDown={(event) => event.key === 'Escape' && onDone()}
    >
      <input ref={field} type="text" required maxLength={80} aria-label={words.newName} value={model.title} />
      <button type="submit" class="button primary">
        {words.save}
      </button>
    </form>
  );
}

function Facts({ model }: { model: ModelSummary }) {
  const words = text.value;
  const { accuracy, measuredOn, input, classes } = model;
  const measured = accuracy === null ? null : percent(accuracy, 1);
  const rows: readonly (readonly [string, string])[] = [
    [
      words.facts.accuracy,
      measured === null ? words.notMeasured : measuredOn ? words.measuredOn(measured, measuredOn) : measured,
    ],
    [words.facts.parameters, compact(model.parameters)],
    [words.facts.size, bytes(model.bytes)],
    [words.facts.input, input.join(' × ')],
    [words.facts.classes, classes.length > 4 ? number(classes.length) : classes.join(', ')],
    [words.facts.runs, words.wasm(capabilities.value?.threads ?? 1)],
  ];
  return (
    <dl class="model-facts">
      {rows.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function Actions({ model }: { model: ModelSummary }) {
  const words = text.value;
  const { id, title } = model;
  return (
    <>
      <div class="buttons">
        {readsDigits(model) && (
          <a class="button" href={`#/digit?model=${id}`}>
            {words.use}
          </a>
        )}
        <a class="button" href={`#/inside?model=${id}`}>
          {words.inside}
        </a>
        {networks.value.some((n) => n.id === model.network) && (
          <a class="button" href={`#/train?from=${id}`}>
            {words.train}
          </a>
        )}
        {model.log && (
          <a class="button" href={`#/train?run=${id}`}>
            {words.log}
          </a>
        )}
        {model.origin !== 'shipped' && (
          <button
            type="button"
            class="button icon-only"
            aria-label={`${words.delete}: ${title}`}
            onClick={() => shelf.remove(model)}
          >
            <Icon name="clear" />
          </button>
        )}
      </div>
      <details>
        <summary>{words.files}</summary>
        <Save model={id} title={title} log={model.log ? () => engine.runLog(id) : null} />
      </details>
    </>
  );
}

function Import() {
  const words = text.value;
  const network = useSignal('cifar-resnet20');
  const unnamed = shelf.unnamed.value;
  const dropping = useDrop((transfer) => transfer.files[0] && void shelf.importFile(transfer.files[0]));
  return (
    <section class="card import" data-dropping={dropping.value} aria-labelledby="import">
      <h2 id="import">{words.import}</h2>
      <p class="quiet">{words.importHint}</p>
      {shelf.importing.value && <p role="status">{words.importing}</p>}
      {shelf.importError.value && <Alert text={words.importFailed} detail={shelf.importError.value} />}
      {unnamed && (
        <div class="import-network">
          <p role="alert">{words.whichNetwork}</p>
          <Select
            label={words.network}
            value={network.value}
            options={networks.value.map((n) => [n.id, networkTitle(n.id, n.title)] as const)}
            onChange={(id) => {
              network.value = id;
            }}
          />
          <button
            type="button"
            class="button primary"
            onClick={() => void shelf.importBytes(unnamed.name, unnamed.bytes, network.value)}
          >
            {words.importAs}
          </button>
        </div>
      )}
      <FileButton name="model" accept=".onnx,.safetensors" onFiles={([f]) => void shelf.importFile(f!)}>
        <Icon name="upload" />
        {words.import}
      </FileButton>
    </section>
  );
}

function StorageUse() {
  const words = text.value;
  const now = storage.storage.value;
  return (
    <section class="card storage" aria-labelledby="storage">
      <h2 id="storage">{words.storage}</h2>
      {now && (
        <>
          <progress aria-label={words.usedLabel} max={1} value={now.quota > 0 ? now.used / now.quota : 0} />
          <p class="quiet" data-testid="storage">
            {words.used(bytes(now.used), bytes(now.quota))}
          </p>
          <p class="quiet">{now.persisted ? words.persisted : words.notPersisted}</p>
          {!now.persisted && (
            <button
              type="button"
              class="button"
              onClick={() => void storage.askToKeep().then(storage.measureStorage)}
            >
              {words.persist}
            </button>
          )}
        </>
      )}
      {sets.value.length > 0 && <DataSets />}
    </section>
  );
}

function DataSets() {
  const words = text.value;
  return (
    <>
      <h3>{words.data}</h3>
      <ul class="files">
        {sets.value.map((s) => (
          <li key={s.id}>
            <span>
              {s.title}
              <span class="quiet block">
                {words.dataFacts(number(s.train + s.validation), number(s.classes.length), bytes(s.bytes))}
              </span>
            </span>
            <button
              type="button"
              class="button icon-only"
              aria-label={`${words.delete}: ${s.title}`}
              onClick={() => {
                const before = sets.value;
                sets.value = before.filter((other) => other !== s);
                withUndo(
                  words.deleted(s.title),
                  () => void removeSet(s.id).then(storage.measureStorage),
                  () => {
                    sets.value = before;
                  },
                );
              }}
            >
              <Icon name="clear" />
            </button>
          </li>
        ))}
      </ul>
    </>
  );
}
