/** The language in use and its messages; `t.value` in a component follows the switch. */
import { computed, effect, type ReadonlySignal } from '@preact/signals';
import { remembered } from '../settings.ts';
import { en, type Messages } from './en.ts';
import { zh } from './zh.ts';

export type Language = 'en' | 'zh';

const preferred = (): Language =>
  navigator.languages
    .find((l) => /^(en|zh)\b/i.test(l))
    ?.toLowerCase()
    .startsWith('zh')
    ? 'zh'
    : 'en';

export const language = remembered<Language>('language', preferred(), (v) => v === 'en' || v === 'zh');

/** The messages of a page in the language in use; English is the contract of the others. */
export const translated = <T>(messages: { readonly en: T; readonly zh: NoInfer<T> }): ReadonlySignal<T> =>
  computed(() => messages[language.value]);

export const t: ReadonlySignal<Messages> = translated<Messages>({ en, zh });

effect(() => {
  document.documentElement.lang = t.value.lang;
});

/** The name of a network that comes with the app; other titles are the user's own. */
export const networkTitle = (id: string | null, title: string): string =>
  (id && t.value.networks[id]) || title;

const formats = new Map<string, Intl.NumberFormat | Intl.DateTimeFormat>();

/** Formats take a millisecond to make and are used for every tick of every axis: each is made once for a language. */
function format<T extends Intl.NumberFormat | Intl.DateTimeFormat>(
  key: string,
  make: (lang: string) => T,
): T {
  const name = `${t.value.lang} ${key}`;
  const known = (formats.get(name) as T | undefined) ?? make(t.value.lang);
  formats.set(name, known);
  return known;
}

/** 0.934 → "93 %" in English, "93%" in Chinese; 100 only when it is. */
export function percent(share: number, digits = 0): string {
  const floor = digits === 0 && share < 1 && share > 0.99 ? 0.99 : share;
  const fixed = { minimumFractionDigits: digits, maximumFractionDigits: digits };
  return format(
    `percent ${digits}`,
    (lang) => new Intl.NumberFormat(lang, { style: 'percent', ...fixed }),
  ).format(floor);
}

export const number = (value: number, digits = 0): string =>
  format(`number ${digits}`, (lang) => new Intl.NumberFormat(lang, { maximumFractionDigits: digits })).format(
    value,
  );

/** 269,722 → "270K" in English, "27万" in Chinese. */
export const compact = (value: number): string =>
  format(
    'compact',
    (lang) => new Intl.NumberFormat(lang, { notation: 'compact', maximumSignificantDigits: 3 }),
  ).format(value);

/** Bytes in decimal units, as disks are sold. */
export function bytes(value: number): string {
  const units = ['B', 'kB', 'MB', 'GB'];
  let power = 0;
  let size = value;
  while (size >= 1000 && power < units.length - 1) {
    size /= 1000;
    power++;
  }
  return `${number(size, size < 10 && power > 0 ? 1 : 0)} ${units[power]}`;
}

/** Day and time in short form. */
export const when = (milliseconds: number): string =>
  format(
    'when',
    (lang) =>
      new Intl.DateTimeFormat(lang, { month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit' }),
  ).format(milliseconds);

/** A time of today to the second. */
export const clock = (milliseconds: number): string =>
  format('clock', (lang) => new Intl.DateTimeFormat(lang, { timeStyle: 'medium' })).format(milliseconds);

export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const { seconds: s, minutes, hours } = t.value.time;
  if (whole < 60) return s(whole);
  if (whole < 3600) return minutes(Math.floor(whole / 60), String(whole % 60).padStart(2, '0'));
  return hours(Math.floor(whole / 3600), String(Math.floor((whole % 3600) / 60)).padStart(2, '0'));
}
