/** Digits of the cheques that the user corrected, cut out when they are chosen to train on. */
import { signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { loadSamples, samples } from '../cheque/samples.ts';
import { engine, messageOf } from '../engine.ts';
import { number } from '../i18n/index.ts';
import { Alert } from '../ui/controls.tsx';
import { choose, current, loadSets } from './data.ts';
import { SetFacts } from './set-facts.tsx';
import { text } from './text.ts';

type State =
  | { readonly kind: 'cutting' | 'none' | 'done' }
  | { readonly kind: 'failed'; readonly why: string };

const state = signal<State>({ kind: 'cutting' });
/** The corrections whose digits are the set. */
let cut = '';

async function cutDigits(): Promise<void> {
  try {
    await loadSamples();
    const kept = samples.peek();
    const wanted = kept.map((s) => s.id).join();
    if (kept.length > 0 && wanted !== cut) {
      state.value = { kind: 'cutting' };
      const lines = kept.map(({ line, text: written }) => ({ line, text: written }));
      choose('cheques', (await engine.saveChequeDigits(text.peek().cheques.title, lines)).id);
      await loadSets();
    }
    cut = wanted;
    state.value = { kind: kept.length > 0 ? 'done' : 'none' };
  } catch (error) {
    state.value = { kind: 'failed', why: messageOf(error) };
  }
}

export function ChequeDigits() {
  const words = text.value.cheques;
  const set = current.value;
  useEffect(() => void cutDigits(), []);
  const now = state.value;
  if (now.kind === 'failed') return <Alert text={words.failed} detail={now.why} />;
  if (now.kind === 'none') {
    return (
      <div class="cheque-digits">
        <p>{words.none}</p>
        <a class="button" href="#/cheque">
          {words.read}
        </a>
      </div>
    );
  }
  if (now.kind === 'cutting' || !set) {
    return (
      <p class="quiet" role="status">
        {words.cutting}
      </p>
    );
  }
  return (
    <div class="cheque-digits">
      <p data-testid="cheque-digits">
        {words.facts(number(set.train + set.validation), samples.value.length)}
      </p>
      <SetFacts of={set} />
    </div>
  );
}
