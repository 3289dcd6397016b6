import { capabilities } from '../engine.ts';
import { number, t } from '../i18n/index.ts';
import { offlineReady } from '../register.ts';

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
    </div>
  );
}
