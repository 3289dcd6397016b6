import type { NetworkSummary } from '../../workers/api.ts';
import { compact, networkTitle } from '../i18n/index.ts';
import { Alert, Check, NumberField, Select } from '../ui/controls.tsx';
import { Icon } from '../ui/icons.tsx';
import { DataChoice } from './data-form.tsx';
import { SIZES, takesAnySize, USUAL_LR } from './defaults.ts';
import * as form from './form-state.ts';
import { text } from './text.ts';

export function TrainForm() {
  const words = text.value;
  const problem = form.formProblem.value;
  return (
    <form
      class="card form"
      aria-label={words.heading}
      onSubmit={(event) => {
        event.preventDefault();
        void form.submit();
      }}
    >
      <NetworkChoice />
      <DataChoice />
      <Basics />
      <More />
      {problem === 'noData' && <Alert text={words.noData} />}
      {problem === 'wrongClasses' && (
        <Alert
          text={words.wrongClasses(
            networkTitle(form.network.value?.id ?? '', form.network.value?.title ?? ''),
          )}
        />
      )}
      <button type="submit" class="button primary" disabled={!form.network.value}>
        <Icon name="play" />
        {words.start}
      </button>
    </form>
  );
}

type Group = 'lenet' | 'cifar' | 'plain' | 'large';

function groupOf({ id, input }: NetworkSummary): Group {
  if (id.startsWith('lenet')) return 'lenet';
  if (id.includes('plain')) return 'plain';
  return input[1] > 32 ? 'large' : 'cifar';
}

function NetworkChoice() {
  const words = text.value;
  const chosen = form.network.value;
  const groups = (['lenet', 'cifar', 'plain', 'large'] as const).map(
    (g) => [words.groups[g], form.networks.value.filter((n) => groupOf(n) === g)] as const,
  );
  return (
    <div class="choice-of-network">
      <Select
        label={words.network}
        value={chosen?.id ?? ''}
        groups={groups.map(
          ([name, list]) => [name, list.map((n) => [n.id, networkTitle(n.id, n.title)] as const)] as const,
        )}
        onChange={form.chooseNetwork}
      />
      {chosen && <p class="quiet">{words.networkFacts(compact(chosen.parameters), compact(chosen.macs))}</p>}
      {chosen && takesAnySize(chosen) && (
        <Select
          label={words.size}
          value={String(form.imageSize.value)}
          options={SIZES.map((s) => [String(s), words.sizeOption(s)] as const)}
          onChange={(s) => {
            form.imageSize.value = Number(s);
          }}
        />
      )}
      {form.starts.value.length > 0 && (
        <Select
          label={words.startFrom}
          value={form.startModel.value ?? ''}
          options={[
            ['', words.random],
            ...form.starts.value.map((m) => [m.id, networkTitle(m.id, m.title)] as const),
          ]}
          onChange={(id) => form.chooseStart(id || null)}
        />
      )}
    </div>
  );
}

function Basics() {
  const words = text.value;
  const s = form.settings.value;
  return (
    <div class="triple">
      <NumberField
        label={words.epochs}
        value={s.epochs}
        min={1}
        max={500}
        step={1}
        onChange={(epochs) => form.set({ epochs })}
      />
      <NumberField
        label={words.batch}
        value={s.batch}
        min={1}
        max={1024}
        step={1}
        onChange={(batch) => form.set({ batch })}
      />
      <NumberField
        label={words.lr}
        value={s.lr}
        min={0.000001}
        max={10}
        step="any"
        onChange={(lr) => form.set({ lr })}
      />
    </div>
  );
}

function More() {
  const words = text.value;
  const s = form.settings.value;
  const schedules = ['constant', 'cosine', 'one-cycle'] as const;
  return (
    <details>
      <summary>{words.more}</summary>
      <div class="more">
        <div class="pair">
          <Select
            label={words.optimizer}
            value={s.optimizer}
            options={[
              ['sgd', 'SGD'],
              ['adam', 'Adam'],
              ['adamw', 'AdamW'],
            ]}
            onChange={(optimizer) => form.set({ optimizer, lr: USUAL_LR[optimizer] })}
          />
          <Select
            label={words.schedule}
            value={s.schedule}
            options={schedules.map((k) => [k, words.schedules[k]] as const)}
            onChange={(schedule) => form.set({ schedule })}
          />
        </div>
        <div class="pair">
          <NumberField
            label={words.weightDecay}
            value={s.weightDecay}
            min={0}
            max={1}
            step="any"
            onChange={(weightDecay) => form.set({ weightDecay })}
          />
          {s.optimizer === 'sgd' && (
            <NumberField
              label={words.momentum}
              value={s.momentum}
              min={0}
              max={0.999}
              step="any"
              onChange={(momentum) => form.set({ momentum })}
            />
          )}
        </div>
        <NumberField
          label={words.seed}
          value={s.seed}
          min={0}
          max={2147483647}
          step={1}
          onChange={(seed) => form.set({ seed })}
        />
        <Check label={words.augment} checked={s.augment} onChange={(augment) => form.set({ augment })} />
        {'gpu' in navigator && (
          <Check label={words.split} checked={!!s.split} onChange={(split) => form.set({ split })} />
        )}
        {/* Always there: a button that came when a field is left would move "Start" away under the pointer. */}
        <button type="button" class="button" disabled={!form.isChanged.value} onClick={form.backToUsual}>
          {words.usual}
        </button>
      </div>
    </details>
  );
}
