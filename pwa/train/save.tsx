import { signal } from '@preact/signals';
import type { RunLog } from '../../workers/api.ts';
import { engine, messageOf } from '../engine.ts';
import { Alert } from '../ui/controls.tsx';
import { download, fileName } from '../ui/download.ts';
import { Icon } from '../ui/icons.tsx';
import { logToCsv, logToJson } from './log.ts';
import { text } from './text.ts';

const failure = signal<string | null>(null);

async function hand(make: () => Promise<void>): Promise<void> {
  failure.value = null;
  try {
    await make();
  } catch (error) {
    failure.value = messageOf(error);
  }
}

interface SaveProps {
  readonly model: string;
  readonly title: string;
  /** null where the model's training is not on record. */
  readonly log: (() => Promise<RunLog | null>) | null;
}

/** Weights, network and log as files. */
export function Save({ model, title, log }: SaveProps) {
  const words = text.value;
  const kinds = [
    [words.weights, async () => download(fileName(title, 'safetensors'), await engine.exportWeights(model))],
    [words.onnx, async () => download(fileName(title, 'onnx'), await engine.exportOnnx(model))],
  ] as [string, () => Promise<void>][];
  const writeLog = async (ending: string, type: string, write: (log: RunLog) => string) => {
    const found = await log?.();
    if (found) download(fileName(title, ending), write(found), type);
  };
  if (log) {
    kinds.push([words.csv, () => writeLog('csv', 'text/csv', logToCsv)]);
    kinds.push([words.json, () => writeLog('json', 'application/json', logToJson)]);
  }
  return (
    <div class="save">
      <ul class="buttons" aria-label={`${words.saveAs}: ${title}`}>
        {kinds.map(([name, make]) => (
          <li key={name}>
            <button type="button" class="button" onClick={() => void hand(make)}>
              <Icon name="download" />
              {name}
            </button>
          </li>
        ))}
      </ul>
      {failure.value && <Alert text={words.problems.exportFailed} detail={failure.value} />}
    </div>
  );
}
