/** The language in use and its messages; `t.value` in a component follows the switch. */
import { computed, effect } from '@preact/signals';
import { remembered } from '../settings.ts';
import { en, type Messages } from './en.ts';
import { zh } from './zh.ts';

const languages = { en, zh } satisfies Record<string, Messages>;
export type Language = keyof typeof languages;

const preferred = (): Language =>
  navigator.languages
    .find((l) => /^(en|zh)\b/i.test(l))
    ?.toLowerCase()
    .startsWith('zh')
    ? 'zh'
    : 'en';

export const language = remembered<Language>('language', preferred(), (v) => v in languages);
export const t = computed<Messages>(() => languages[language.value]);

effect(() => {
  document.documentElement.lang = t.value.lang;
});

/** 0.934 → "93 %" in English, "93%" in Chinese; 100 only when it is. */
export function percent(share: number, digits = 0): string {
  const floor = digits === 0 && share < 1 && share > 0.99 ? 0.99 : share;
  return new Intl.NumberFormat(t.value.lang, {
    style: 'percent',
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  }).format(floor);
}

export const number = (value: number, digits = 0): string =>
  new Intl.NumberFormat(t.value.lang, { maximumFractionDigits: digits }).format(value);

export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return t.value.train.secondsShort(whole);
  return t.value.train.minutes(Math.floor(whole / 60), String(whole % 60).padStart(2, '0'));
}
