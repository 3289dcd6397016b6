/** Short messages at the edge of the page, some with a way back. */
import { signal } from '@preact/signals';
import { t } from '../i18n/index.ts';

/** Time to change one's mind. */
const SHOWN_MS = 8_000;

interface Toast {
  readonly text: string;
  readonly undo: (() => void) | null;
  readonly end: () => void;
}

const toast = signal<Toast | null>(null);

/** Does `work` after a while unless the user takes it back; the next message, or leaving, does it at once. */
export function withUndo(text: string, work: () => void, undo: () => void): void {
  toast.peek()?.end();
  const finish = (last: () => void) => () => {
    clearTimeout(timer);
    removeEventListener('pagehide', end);
    toast.value = null;
    last();
  };
  const end = finish(work);
  const timer = setTimeout(end, SHOWN_MS);
  addEventListener('pagehide', end);
  toast.value = { text, undo: finish(undo), end };
}

export function say(text: string): void {
  const nothing = () => {};
  withUndo(text, nothing, nothing);
  if (toast.value) toast.value = { ...toast.value, undo: null };
}

export function Toasts() {
  const shown = toast.value;
  return (
    <div class="toasts" role="status">
      {shown && (
        <p class="toast">
          {shown.text}
          {shown.undo && (
            <button type="button" class="button plain" onClick={shown.undo}>
              {t.value.app.undo}
            </button>
          )}
        </p>
      )}
    </div>
  );
}
