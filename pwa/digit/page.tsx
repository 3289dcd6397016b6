import { useEffect } from 'preact/hooks';
import { chooseModel, digitModels, model } from '../engine.ts';
import { networkTitle, number, t } from '../i18n/index.ts';
import { query } from '../query.ts';
import { Alert, FileButton, Select } from '../ui/controls.tsx';
import { useDrop } from '../ui/drop.ts';
import { Icon } from '../ui/icons.tsx';
import { Features } from './features.tsx';
import { Pad } from './pad.tsx';
import { openPicture, pictureIn, pictureProblem } from './photo.ts';
import { clear, isEmpty, predictError, setStrokes, undo } from './recognise.ts';
import { Result } from './result.tsx';
import { samples } from './samples.ts';

export function DigitPage() {
  useEffect(() => {
    const wanted = query.peek().get('model');
    if (wanted) chooseModel(wanted);
  }, []);
  useEffect(() => {
    const paste = (event: ClipboardEvent) => {
      const file = pictureIn(event.clipboardData);
      if (file) void openPicture(file);
    };
    window.addEventListener('paste', paste);
    return () => window.removeEventListener('paste', paste);
  }, []);
  const dropping = useDrop((transfer) => {
    const file = pictureIn(transfer);
    if (file) void openPicture(file);
  });
  return (
    <div class="digit" data-dropping={dropping.value}>
      <h1 class="hidden">{t.value.digit.heading}</h1>
      <div class="digit-input">
        <Pad />
        <Tools />
        <Problems />
        <Samples />
      </div>
      <div class="digit-output">
        <Result />
        <Choice />
        <Features />
      </div>
    </div>
  );
}

function Tools() {
  const text = t.value.digit;
  const open = ([file]: readonly File[]) => void openPicture(file!);
  return (
    <div class="tools">
      <button type="button" class="button" onClick={undo} disabled={isEmpty.value}>
        <Icon name="undo" />
        {text.undo}
      </button>
      <button
        type="button"
        class="button"
        onClick={() => {
          pictureProblem.value = null;
          clear();
        }}
        disabled={isEmpty.value}
      >
        <Icon name="clear" />
        {text.clear}
      </button>
      <FileButton name="picture" accept="image/*" onFiles={open}>
        <Icon name="picture" />
        {text.choose}
      </FileButton>
      <FileButton name="photo" accept="image/*" capture class="button only-touch" onFiles={open}>
        <Icon name="camera" />
        {text.camera}
      </FileButton>
    </div>
  );
}

function Problems() {
  const text = t.value.digit;
  const problem = pictureProblem.value;
  if (problem) {
    const advice = problem === 'unreadable' ? text.pictureUnreadable : text.pictureNoInk;
    return <Alert text={`${text.pictureFailed} ${advice}`} />;
  }
  return predictError.value ? <Alert text={text.predictFailed} detail={predictError.value} /> : null;
}

/** Which network. */
function Choice() {
  const text = t.value.digit;
  const chosen = model.value;
  if (!chosen) return null;
  return (
    <div class="choice">
      <Select
        label={text.model}
        value={chosen.id}
        options={digitModels.value.map((m) => [m.id, networkTitle(m.id, m.title)] as const)}
        onChange={chooseModel}
      />
      <p class="quiet">{text.modelSize(number(chosen.parameters))}</p>
    </div>
  );
}

/** Ten written digits to try: the way in without a pointer. */
function Samples() {
  const text = t.value.digit;
  return (
    <section class="samples" aria-labelledby="samples-heading">
      <h2 id="samples-heading">{text.samples}</h2>
      <ul>
        {samples.map((strokes, digit) => (
          <li key={digit}>
            <button
              type="button"
              class="sample"
              aria-label={text.sample(digit)}
              onClick={() => {
                pictureProblem.value = null;
                setStrokes(strokes);
              }}
            >
              <svg viewBox="0.2 0.12 0.6 0.76" aria-hidden="true" focusable="false">
                {strokes.map((stroke, i) => (
                  <polyline key={i} points={stroke.map((p) => `${p.x},${p.y}`).join(' ')} />
                ))}
              </svg>
            </button>
          </li>
        ))}
      </ul>
      <p class="quiet">{text.pasteHint}</p>
    </section>
  );
}
