/** The form of a new run: what is chosen, and the usual values where the user changed nothing. */
import { computed, signal } from '@preact/signals';
import type { ModelSummary, NetworkSummary, TrainOptions } from '../../workers/api.ts';
import { engine, models } from '../engine.ts';
import { networkTitle, when } from '../i18n/index.ts';
import * as data from './data.ts';
import { type Settings, SIZES, takesAnySize, usualSettings } from './defaults.ts';
import { start } from './run.ts';

export const networks = signal<readonly NetworkSummary[]>([]);
/** null: what suits the data. */
const chosenNetwork = signal<string | null>(null);
/** Model whose weights to start from, null for random ones; undefined: what suits the data. */
const chosenStart = signal<string | null | undefined>(undefined);
export const imageSize = signal<number>(SIZES[1]);
/** What the user set by hand. */
const changes = signal<Partial<Settings>>({});

const suitable = (): string =>
  data.source.value === 'own' || data.current.value?.shape[0] === 3 ? 'cifar-resnet20' : 'lenet5-modern';

export const network = computed<NetworkSummary | null>(() => {
  const id = chosenNetwork.value ?? suitable();
  return networks.value.find((n) => n.id === id) ?? networks.value[0] ?? null;
});

/** Models whose weights this network can start from. */
export const starts = computed<readonly ModelSummary[]>(() =>
  models.value.filter((m) => m.network === network.value?.id),
);

/** A few pictures, or the digits of some cheques, teach more to a network that has seen many. */
export const startModel = computed<string | null>(() => {
  if (chosenStart.value !== undefined) return chosenStart.value;
  if (data.source.value !== 'cheques' && data.source.value !== 'own') return null;
  return starts.value.find((m) => m.origin === 'shipped')?.id ?? null;
});

const usual = computed<Settings>(() =>
  usualSettings(
    network.value?.id ?? '',
    { images: data.imageCount.value, generated: data.source.value === 'synthetic' },
    startModel.value !== null,
  ),
);

export const settings = computed<Settings>(() => ({ ...usual.value, ...changes.value }));
export const isChanged = computed(() => Object.keys(changes.value).length > 0);

export function set(change: Partial<Settings>): void {
  changes.value = { ...changes.value, ...change };
}

export function backToUsual(): void {
  changes.value = {};
}

export function chooseNetwork(id: string): void {
  chosenNetwork.value = id;
  chosenStart.value = undefined;
  changes.value = {};
}

export function chooseStart(id: string | null): void {
  chosenStart.value = id;
}

/** Starts training from a model of the shelf. */
export function beginFrom(model: ModelSummary): void {
  if (!model.network) return;
  chooseNetwork(model.network);
  chosenStart.value = model.id;
}

export type FormProblem = 'noData' | 'wrongClasses';
export const formProblem = signal<FormProblem | null>(null);

export async function loadNetworks(): Promise<void> {
  if (networks.peek().length === 0) networks.value = await engine.networks();
}

/** "ResNet-20 · CIFAR-10 · 23 Nov, 15:40" */
const titleOf = (n: NetworkSummary): string =>
  [networkTitle(n.id, n.title).replace(/[,，] ?CIFAR/, ''), data.current.peek()?.title, when(Date.now())]
    .filter(Boolean)
    .join(' · ');

export async function submit(): Promise<void> {
  const [chosen, source] = [network.peek(), data.trainData.peek()];
  if (!chosen) return;
  formProblem.value = !source
    ? 'noData'
    : !chosen.anyClasses && data.classCount.peek() !== chosen.classes
      ? 'wrongClasses'
      : null;
  if (formProblem.peek() || !source) return;
  const options: TrainOptions = {
    ...settings.peek(),
    network: chosen.id,
    data: source,
    size: takesAnySize(chosen) ? imageSize.peek() : null,
    start: startModel.peek(),
  };
  await start(options, titleOf(chosen));
}
