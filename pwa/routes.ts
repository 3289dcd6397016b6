/** The pages: one row each, loaded when first opened. The first one opens when the address names none. */
import { signal } from '@preact/signals';
import type { ComponentType } from 'preact';
import { DigitPage } from './digit/page.tsx';
import type { Messages } from './i18n/en.ts';
import { followQuery } from './query.ts';

export type PageName = keyof Messages['app']['pages'];

export interface Route {
  readonly name: PageName;
  readonly path: string;
  readonly load: () => Promise<{ readonly default: ComponentType }>;
  /** Among the tools, not in the navigation. */
  readonly aside?: boolean;
}

export const routes: readonly [Route, ...Route[]] = [
  { name: 'digit', path: '#/digit', load: async () => ({ default: DigitPage }) },
  { name: 'cheque', path: '#/cheque', load: () => import('./cheque/page.tsx') },
  { name: 'train', path: '#/train', load: () => import('./train/page.tsx') },
  { name: 'models', path: '#/models', load: () => import('./models/page.tsx') },
  { name: 'inside', path: '#/inside', load: () => import('./inside/page.tsx') },
  { name: 'playground', path: '#/playground', load: () => import('./playground/page.tsx') },
  { name: 'device', path: '#/device', load: () => import('./device/page.tsx'), aside: true },
];

const current = (): Route => routes.find((r) => r.path === location.hash.split('?')[0]) ?? routes[0];

export const route = signal<Route>(current());

window.addEventListener('hashchange', () => {
  // "#content" is the skip link's target, not a page.
  if (location.hash === '#content') return;
  route.value = current();
  followQuery();
});

/** Pages that are there; the first one from the start. */
export const loadedPages = signal<ReadonlyMap<PageName, ComponentType>>(new Map([['digit', DigitPage]]));
export const pageFailure = signal(false);

export async function loadPage({ name, load }: Route): Promise<void> {
  if (loadedPages.peek().has(name)) return;
  pageFailure.value = false;
  try {
    const { default: page } = await load();
    loadedPages.value = new Map([...loadedPages.peek(), [name, page]]);
  } catch {
    pageFailure.value = true;
  }
}

route.subscribe((r) => void loadPage(r));
