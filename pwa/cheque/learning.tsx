import { useEffect, useRef } from 'preact/hooks';
import type { GreyImage } from '../../workers/api.ts';
import { percent } from '../i18n/index.ts';
import { Alert } from '../ui/controls.tsx';
import { download } from '../ui/download.ts';
import { Icon } from '../ui/icons.tsx';
import {
  adapted,
  canLearn,
  exportSamples,
  forgetAll,
  learn,
  learnError,
  learned,
  learning,
  removeSample,
  samples,
  unlearn,
} from './samples.ts';
import { text } from './text.ts';

/** The corrections kept here, and what the reader can learn from them. */
export function Learning() {
  const words = text.value.learning;
  if (samples.value.length === 0 && !adapted.value) return null;
  return (
    <section class="card learning" aria-labelledby="learning-heading">
      <h2 id="learning-heading">{words.heading(samples.value.length)}</h2>
      <p class="quiet">{words.private}</p>
      <ul class="corrections">
        {samples.value.map((s) => (
          <li key={s.id}>
            <Line line={s.line} />
            <span>{s.text}</span>
            <button
              type="button"
              class="button plain icon-only"
              aria-label={words.remove(s.text)}
              onClick={() => void removeSample(s.id)}
            >
              <Icon name="clear" />
            </button>
          </li>
        ))}
      </ul>
      <Report />
      <div class="live-tools">
        <button type="button" class="button primary" disabled={!canLearn.value} onClick={() => void learn()}>
          {words.learn}
        </button>
        {adapted.value && (
          <button type="button" class="button" onClick={() => void unlearn()}>
            {words.undo}
          </button>
        )}
        <button
          type="button"
          class="button"
          disabled={samples.value.length === 0}
          onClick={() => download('cheque-corrections.json', exportSamples(), 'application/json')}
        >
          <Icon name="download" />
          {words.export}
        </button>
        <button type="button" class="button" onClick={() => confirm(words.sureDelete) && void forgetAll()}>
          <Icon name="clear" />
          {words.delete}
        </button>
      </div>
    </section>
  );
}

function Report() {
  const words = text.value.learning;
  if (learnError.value) return <Alert text={words.failed} detail={learnError.value} />;
  if (learning.value !== null) return <progress value={learning.value} aria-label={words.running} />;
  const { value } = learned;
  return (
    <p role="status">
      {value && !value.kept
        ? words.harmed
        : value
          ? words.helped(percent(value.before, 1), percent(value.after, 1))
          : adapted.value
            ? words.inUse
            : words.notYet}
    </p>
  );
}

/** A line as it was cut out. */
function Line({ line }: { line: GreyImage }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const { width, height, data } = line;
  useEffect(() => {
    const context = canvas.current!.getContext('2d')!;
    const pixels = context.createImageData(width, height);
    for (let i = 0; i < data.length; i++) pixels.data.set([data[i]!, data[i]!, data[i]!, 255], 4 * i);
    context.putImageData(pixels, 0, 0);
  }, [line]);
  return <canvas ref={canvas} {...{ width, height }} />;
}
