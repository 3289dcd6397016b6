/** What the app remembers about its user, and the theme. */
import { computed, effect, type Signal, signal } from '@preact/signals';

/** A signal kept in localStorage; where that is refused it lasts as long as the page. */
export function remembered<T extends string>(
  key: string,
  initial: T,
  valid: (value: string) => boolean,
): Signal<T> {
  const name = `lenslet.${key}`;
  let stored: string | null = null;
  try {
    stored = localStorage.getItem(name);
  } catch {}
  const value = signal<T>(stored !== null && valid(stored) ? (stored as T) : initial);
  let first = true;
  effect(() => {
    const current = value.value;
    if (first) {
      first = false;
      return;
    }
    try {
      localStorage.setItem(name, current);
    } catch {}
  });
  return value;
}

type Theme = 'system' | 'light' | 'dark';
const theme = remembered<Theme>('theme', 'system', (v) => v === 'light' || v === 'dark');

const darkQuery = matchMedia('(prefers-color-scheme: dark)');
const systemDark = signal(darkQuery.matches);
darkQuery.addEventListener('change', () => {
  systemDark.value = darkQuery.matches;
});

export const dark = computed(() => (theme.value === 'system' ? systemDark.value : theme.value === 'dark'));

export function toggleTheme(): void {
  theme.value = dark.value ? 'light' : 'dark';
}

/** As --paper in the style sheet. */
const PAPER = { light: '#f7f6f2', dark: '#14171a' } as const;

effect(() => {
  const name = dark.value ? 'dark' : 'light';
  document.documentElement.dataset.theme = name;
  for (const meta of document.querySelectorAll<HTMLMetaElement>('meta[name="theme-color"]')) {
    meta.content = PAPER[name];
  }
});
