/** The pages: one row each. The first one opens when the address names none. */
import { signal } from '@preact/signals';
import type { ComponentType } from 'preact';
import { DevicePage } from './device/page.tsx';
import { DigitPage } from './digit/page.tsx';
import type { Messages } from './i18n/en.ts';
import { TrainPage } from './train/page.tsx';

export interface Route {
  readonly path: string;
  readonly icon: 'digit' | 'train' | 'device';
  readonly title: (text: Messages) => string;
  readonly page: ComponentType;
}

export const routes: readonly [Route, ...Route[]] = [
  { path: '#/digit', icon: 'digit', title: (text) => text.digit.title, page: DigitPage },
  { path: '#/train', icon: 'train', title: (text) => text.train.title, page: TrainPage },
  { path: '#/device', icon: 'device', title: (text) => text.device.title, page: DevicePage },
];

const current = (): Route => routes.find((r) => r.path === location.hash) ?? routes[0];

export const route = signal<Route>(current());

window.addEventListener('hashchange', () => {
  // "#content" is the skip link's target, not a page.
  if (location.hash !== '#content') route.value = current();
});
