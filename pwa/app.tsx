import { useEffect, useRef } from 'preact/hooks';
import { engineFailure } from './engine.ts';
import { language, percent, t } from './i18n/index.ts';
import { applyUpdate, waitingUpdate } from './register.ts';
import { route, routes } from './routes.ts';
import { dark, toggleTheme } from './settings.ts';
import * as run from './train/run.ts';
import { Alert } from './ui/controls.tsx';
import { Icon, Mark } from './ui/icons.tsx';

export function App() {
  const text = t.value;
  const main = useRef<HTMLElement>(null);
  const { page: Page, path, title } = route.value;
  const first = useRef(true);
  useEffect(() => {
    document.title = `${title(text)} · Lenslet`;
  }, [path, text]);
  useEffect(() => {
    if (!first.current) {
      main.current?.focus({ preventScroll: true });
      window.scrollTo(0, 0);
    }
    first.current = false;
  }, [path]);
  return (
    <>
      <a class="skip" href="#content">
        {text.app.skip}
      </a>
      <header class="top">
        <a class="brand" href={routes[0].path}>
          <Mark />
          Lenslet
        </a>
        <Navigation />
        <div class="top-tools">
          <RunStatus />
          <LanguageSwitch />
          <ThemeSwitch />
        </div>
      </header>
      <Notices />
      <main id="content" ref={main} tabIndex={-1}>
        <Page />
      </main>
    </>
  );
}

function Navigation() {
  const text = t.value;
  return (
    <nav class="nav" aria-label={text.app.nav}>
      {routes.map((r) => (
        <a key={r.path} href={r.path} aria-current={r === route.value ? 'page' : undefined}>
          <Icon name={r.icon} />
          {r.title(text)}
        </a>
      ))}
    </nav>
  );
}

function RunStatus() {
  if (!run.isBusy.value) return null;
  const text = t.value.app;
  const share = percent(run.progress.value);
  return (
    <a class="run-status" href="#/train" data-testid="run-pill">
      <span class="pulse" data-paused={run.phase.value === 'paused'} />
      {run.phase.value === 'paused' ? text.paused(share) : text.training(share)}
    </a>
  );
}

function LanguageSwitch() {
  const other = language.value === 'en' ? 'zh' : 'en';
  return (
    <button
      type="button"
      class="button plain"
      onClick={() => {
        language.value = other;
      }}
    >
      <span lang={other === 'zh' ? 'zh-Hans' : 'en'}>{other === 'zh' ? '中文' : 'EN'}</span>
      <span class="hidden">{t.value.app.otherLanguage}</span>
    </button>
  );
}

function ThemeSwitch() {
  const text = t.value.app;
  return (
    <button
      type="button"
      class="button plain icon-only"
      aria-label={dark.value ? text.toLight : text.toDark}
      onClick={toggleTheme}
    >
      <Icon name={dark.value ? 'sun' : 'moon'} />
    </button>
  );
}

function Notices() {
  const text = t.value.app;
  return (
    <div class="notices">
      {engineFailure.value && (
        <div class="notice">
          <Alert text={text.engineFailed} detail={engineFailure.value} />
          <button type="button" class="button" onClick={() => location.reload()}>
            {text.reload}
          </button>
        </div>
      )}
      {waitingUpdate.value && (
        <div class="notice" role="status">
          <p>{run.isBusy.value ? text.updateAfterTraining : text.updateReady}</p>
          <button type="button" class="button" disabled={run.isBusy.value} onClick={applyUpdate}>
            {text.updateNow}
          </button>
        </div>
      )}
    </div>
  );
}
