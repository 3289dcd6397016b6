import { percent } from '../i18n/index.ts';
import { Alert, FileButton, NumberField, Segments, Select } from '../ui/controls.tsx';
import { filesIn, useDrop, withPaths } from '../ui/drop.ts';
import { Icon } from '../ui/icons.tsx';
import { withUndo } from '../ui/toast.tsx';
import { ChequeDigits } from './cheque-digits.tsx';
import * as data from './data.ts';
import { formProblem } from './form-state.ts';
import { OwnClasses } from './own.tsx';
import { SetFacts } from './set-facts.tsx';
import { text } from './text.ts';

export function DataChoice() {
  const words = text.value;
  const kinds = (['synthetic', 'files', 'own', 'cheques'] as const).map(
    (k) => [k, words.sources[k]] as const,
  );
  return (
    <fieldset class="data">
      <legend>{words.data}</legend>
      <Segments
        name="data"
        value={data.source.value}
        options={kinds}
        onChange={(kind) => {
          data.source.value = kind;
          formProblem.value = null;
        }}
      />
      {data.source.value === 'synthetic' && <Counts />}
      {data.source.value === 'files' && <Files />}
      {data.source.value === 'own' && <OwnClasses />}
      {data.source.value === 'cheques' && <ChequeDigits />}
    </fieldset>
  );
}

function Counts() {
  const words = text.value;
  const field = (key: 'train' | 'validation', label: string) => (
    <NumberField
      label={label}
      value={data.counts.value[key]}
      min={100}
      max={200_000}
      step={1}
      onChange={(value) => {
        data.counts.value = { ...data.counts.value, [key]: value };
      }}
    />
  );
  return (
    <div class="pair">
      {field('train', words.trainImages)}
      {field('validation', words.validationImages)}
    </div>
  );
}

function Files() {
  const words = text.value;
  const dropping = useDrop(async (transfer) => data.addFiles(await filesIn(transfer)));
  const reading = data.reading.value;
  return (
    <div class="drop" data-dropping={dropping.value}>
      <SetChoice />
      <p class="quiet">{words.filesHint}</p>
      {data.pending.value.length > 0 && <Pending />}
      {reading !== null && (
        <p class="reading" role="status">
          {words.reading} {reading > 0 && percent(reading)}
        </p>
      )}
      {data.problem.value && <Alert text={words.importFailed} detail={data.problem.value} />}
      <div class="buttons">
        <FileButton name="data" accept="" multiple onFiles={(f) => void data.addFiles(withPaths(f))}>
          {words.chooseFiles}
        </FileButton>
        <FileButton
          name="folder"
          accept=""
          folder
          class="button only-mouse"
          onFiles={(f) => void data.addFiles(withPaths(f))}
        >
          {words.chooseFolder}
        </FileButton>
      </div>
    </div>
  );
}

/** Which of the sets there are. */
function SetChoice() {
  const words = text.value;
  const chosen = data.current.value;
  if (!chosen) return null;
  return (
    <div class="set">
      <Select
        label={words.set}
        value={chosen.id}
        options={data.setsFrom('files').map((s) => [s.id, s.title] as const)}
        onChange={(id) => data.choose('files', id)}
      />
      <button
        type="button"
        class="button icon-only"
        aria-label={`${words.removeSet}: ${chosen.title}`}
        onClick={() => {
          const before = data.sets.value;
          data.sets.value = before.filter((s) => s.id !== chosen.id);
          withUndo(
            words.removedSet(chosen.title),
            () => void data.removeSet(chosen.id),
            () => {
              data.sets.value = before;
            },
          );
        }}
      >
        <Icon name="clear" />
      </button>
      <SetFacts of={chosen} />
    </div>
  );
}

/** Files that wait for others. */
function Pending() {
  const words = text.value;
  return (
    <ul class="files">
      {data.pending.value.slice(0, 8).map(({ path }) => (
        <li key={path}>
          <span>{path}</span>
          <button
            type="button"
            class="button icon-only"
            aria-label={words.removeFile(path)}
            onClick={() => void data.removePending(path)}
          >
            <Icon name="close" />
          </button>
        </li>
      ))}
    </ul>
  );
}
