import { useSignal } from '@preact/signals';
import type { Devices } from '../../workers/api.ts';
import { capabilities, engine, messageOf } from '../engine.ts';
import { number, t } from '../i18n/index.ts';
import { offlineReady } from '../register.ts';
import { Alert } from '../ui/controls.tsx';

/** What the engine found on this device, in plain words. */
export default function DevicePage() {
  const text = t.value.device;
  const found = capabilities.value;
  const rows: readonly (readonly [string, string, string, string])[] = found
    ? [
        [
          'threads',
          text.threads,
          String(found.threads),
          text.threadsText(found.threads, navigator.hardwareConcurrency),
        ],
        ['binary', text.binary, found.binary, text.binaries[found.binary]],
        [
          'isolation',
          text.isolation,
          found.crossOriginIsolated ? '✓' : '–',
          found.crossOriginIsolated ? text.isolated : text.notIsolated,
        ],
        [
          'memory',
          text.memory,
          `${number(found.memoryBytes / 2 ** 20)} MiB`,
          text.memoryText(number(found.memoryBytes / 2 ** 20)),
        ],
      ]
    : [];
  return (
    <div class="device">
      <header class="page-head">
        <h1>{text.heading}</h1>
        <p class="quiet">{text.lead}</p>
      </header>
      {found ? null : <p role="status">{t.value.app.loading}</p>}
      <dl class="facts">
        {rows.map(([id, name, value, explanation]) => (
          <div class="card" key={id}>
            <dt>{name}</dt>
            <dd class="fact" data-testid={`fact-${id}`}>
              {value}
            </dd>
            <dd class="quiet">{explanation}</dd>
          </div>
        ))}
        <div class="card">
          <dt>{text.offline}</dt>
          <dd class="fact">{offlineReady.value ? '✓' : '–'}</dd>
          <dd class="quiet">{offlineReady.value ? text.offlineReady : text.offlineNot}</dd>
        </div>
      </dl>
      <Sides />
    </div>
  );
}

/** Processor or GPU: which is faster for which work, measured when asked for. */
function Sides() {
  const text = t.value.device;
  const found = useSignal<Devices | null>(null);
  const busy = useSignal(false);
  const failure = useSignal<string | null>(null);
  const measure = async () => {
    busy.value = true;
    failure.value = null;
    try {
      found.value = await engine.devices();
    } catch (error) {
      failure.value = messageOf(error);
    } finally {
      busy.value = false;
    }
  };
  return (
    <section class="card sides" aria-labelledby="sides-heading">
      <h2 id="sides-heading">{text.sides}</h2>
      <p class="quiet">{text.sidesText}</p>
      {failure.value && <Alert text={text.sidesFailed} detail={failure.value} />}
      {found.value && <Work {...found.value} />}
      <button type="button" class="button" disabled={busy.value} onClick={() => void measure()}>
        {busy.value ? text.measuring : text.measure}
      </button>
    </section>
  );
}

function Work({ gpu, work }: Devices) {
  const text = t.value.device;
  const ms = (time: number | undefined) => (time === undefined ? '–' : number(time, 2));
  const mib = (bytes: number | undefined) => (bytes === undefined ? '–' : number(bytes / 2 ** 20));
  return (
    <>
      <p data-testid="gpu">
        {gpu === null ? text.noGpu : gpu.software ? text.softwareGpu(gpu.description) : gpu.description}
      </p>
      {gpu?.features && <p class="quiet">{text.gpuFeatures(gpu.features.join(', ') || '–')}</p>}
      {gpu?.limits && <p class="quiet">{text.gpuBuffer(mib(gpu.limits.maxBufferSize))}</p>}
      <ul class="work">
        {work.map(({ title, batch, training, choice }) => (
          <li key={`${title} ${training}`}>
            <strong>
              {title}, {training ? text.trainingStep : text.inference}, {batch}
            </strong>
            <span>
              {choice.side === 'wasm' ? 'WASM' : 'WebGPU'}: {text.reasons[choice.why]}
            </span>
            <span class="quiet">{text.times(ms(choice.wasm), ms(choice.webgpu))}</span>
          </li>
        ))}
      </ul>
    </>
  );
}
