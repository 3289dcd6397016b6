import { useSignal } from '@preact/signals';
import { useId } from 'preact/hooks';
import type { ReadAmount } from '../../workers/cheque-api.ts';
import { number, percent } from '../i18n/index.ts';
import { Icon } from '../ui/icons.tsx';
import { startCamera } from './camera.ts';
import { Learning } from './learning.tsx';
import { Overlay } from './overlay.tsx';
import { keepCorrection } from './samples.ts';
import { clear, picture } from './state.ts';
import { text } from './text.ts';

/** The picture with what was found, the amount, each digit's confidence, and the way to correct it. */
export function ChequeResult() {
  const { url, reading } = picture.value!;
  const words = text.value;
  return (
    <section class="cheque-result">
      <div class="live-frame">
        <img src={url} alt={words.picture} />
        <Overlay reading={reading} />
      </div>
      <div class="card cheque-amount">
        {reading.amount ? (
          <Amount amount={reading.amount} />
        ) : (
          <p>{reading.box ? words.noDigits : words.noBox}</p>
        )}
        <p class="quiet">{words.milliseconds(number(reading.milliseconds))}</p>
        {reading.amount && <Correction amount={reading.amount} />}
      </div>
      <div class="live-tools">
        <button type="button" class="button primary" onClick={() => again()}>
          <Icon name="camera" />
          {words.next}
        </button>
        <button type="button" class="button" onClick={clear}>
          <Icon name="close" />
          {words.close}
        </button>
      </div>
      <Learning />
    </section>
  );
}

function again(): void {
  clear();
  void startCamera();
}

function Amount({ amount }: { amount: ReadAmount }) {
  const words = text.value;
  const shown = amount.value ?? amount.text;
  return (
    <>
      <h2>{words.amount}</h2>
      <p
        class="amount-value"
        style={{ '--signs': shown.length }}
        data-testid="amount"
        data-accepted={amount.accepted}
      >
        {shown}
      </p>
      <p role="status">{verdict(amount)}</p>
      <ul class="marks" aria-label={words.digits}>
        {amount.marks.map((m, i) => (
          <li key={i} data-sure={m.sure}>
            <span>{m.digit}</span>
            <small>{m.sure ? percent(m.confidence) : words.unsureDigit(percent(m.confidence))}</small>
          </li>
        ))}
      </ul>
    </>
  );
}

function verdict({ accepted, confidence, marks, regular, framed }: ReadAmount): string {
  const words = text.value;
  if (accepted) return words.sure(percent(confidence));
  if (!marks.every(({ sure }) => sure)) return words.unsure;
  if (!framed) return words.unsureFrame;
  return regular ? words.unsure : words.unsureSigns;
}

const WRITTEN = '[0-9][0-9.,\\/=*\\-]*';

/** The user says what is written; the sample stays on the device. */
function Correction({ amount }: { amount: ReadAmount }) {
  const id = useId();
  const kept = useSignal(false);
  const written = useSignal(amount.text);
  const words = text.value;
  const submit = async (event: Event) => {
    event.preventDefault();
    await keepCorrection(amount.line, written.value);
    kept.value = true;
  };
  return (
    <form class="correction" onSubmit={(event) => void submit(event)}>
      <label for={id}>{words.written}</label>
      <input
        id={id}
        required
        autocomplete="off"
        inputMode="decimal"
        pattern={WRITTEN}
        title={words.writtenRule}
        value={written.value}
        onInput={(event) => {
          written.value = event.currentTarget.value;
          kept.value = false;
        }}
      />
      <button type="submit" class="button">
        {words.keep}
      </button>
      <p class="quiet" role="status">
        {kept.value ? words.keptHere : words.correctHint}
      </p>
    </form>
  );
}
