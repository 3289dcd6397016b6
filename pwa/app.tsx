import { useEffect, useRef } from 'preact/hooks';
import { engineFailure } from './engine.ts';
import { language, percent, t } from './i18n/index.ts';
import { query } from './query.ts';
import { applyUpdate, heldElsewhere, waitingUpdate } from './register.ts';
import { loadedPages, loadPage, pageFailure, type Route, route, routes } from './routes.ts';
import { dark, toggleTheme } from './settings.ts';
import { isBusy, mustStay, phase, progress, resumable } from './train/status.ts';
import { Alert } from './ui/controls.tsx';
import { Icon, Mark } from './ui/icons.tsx';
import { Toasts } from './ui/toast.tsx';

export function App() {
  const text = t.value.app;
  const main = useRef<HTMLElement>(null);
  const { name, path } = route.value;
  const first = useRef(true);
  useEffect(() => {
    document.title = `${text.pages[name]} · Lenslet`;
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
        {text.skip}
      </a>
      <header class="top">
        <a class="brand" href={routes[0].path}>
          <Mark />
          <span class="brand-name">Lenslet</span>
        </a>
        <Navigation />
        <div class="top-tools">
          <RunStatus />
          <LanguageSwitch />
          {routes
            .filter((r) => r.aside)
            .map((r) => (
              <PageTool key={r.name} to={r} />
            ))}
          <ThemeSwitch />
        </div>
      </header>
      <Notices />
      <main id="content" ref={main} tabIndex={-1}>
        <CurrentPage />
      </main>
      <Toasts />
    </>
  );
}

function CurrentPage() {
  const text = t.value.app;
  const now = route.value;
  const Page = loadedPages.value.get(now.name);
  if (Page) return <Page key={`${now.name}?${query.value}`} />;
  if (!pageFailure.value) {
    return (
      <p class="quiet" role="status">
        {text.loadingPage}
      </p>
    );
  }
  return (
    <div class="notice">
      <Alert text={text.pageFailed} />
      <button type="button" class="button" onClick={() => void loadPage(now)}>
        {text.again}
      </button>
    </div>
  );
}

const current = (r: Route) => (r === route.value ? 'page' : undefined);

function Navigation() {
  const text = t.value.app;
  return (
    <nav class="nav" aria-label={text.nav}>
      {routes
        .filter((r) => !r.aside)
        .map((r) => (
          <a key={r.path} href={r.path} aria-current={current(r)}>
            <Icon name={r.name} />
            {text.pages[r.name]}
          </a>
        ))}
    </nav>
  );
}

function PageTool({ to }: { to: Route }) {
  const name = t.value.app.pages[to.name];
  return (
    <a
      class="button plain icon-only"
      href={to.path}
      aria-label={name}
      title={name}
      aria-current={current(to)}
    >
      <Icon name={to.name} />
    </a>
  );
}

function RunStatus() {
  if (!isBusy.value) return null;
  const text = t.value.app;
  const share = percent(progress.value);
  const paused = phase.value === 'paused';
  return (
    <a class="run-status" href="#/train" data-testid="run-pill">
      <span class="pulse" data-paused={paused} />
      <span class="run-words">{paused ? text.paused(share) : text.training(share)}</span>
      <span class="run-share" aria-hidden="true">
        {share}
      </span>
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
  const name = dark.value ? text.toLight : text.toDark;
  return (
    <button type="button" class="button plain icon-only" aria-label={name} title={name} onClick={toggleTheme}>
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
      {resumable.value.length > 0 && !isBusy.value && route.value.name !== 'train' && (
        <div class="notice" role="status">
          <p>{text.unfinished(resumable.value[0]!.title)}</p>
          <a class="button" href="#/train">
            {text.goOn}
          </a>
        </div>
      )}
      {waitingUpdate.value && (
        <div class="notice" role="status">
          <p>
            {mustStay.value
              ? text.updateAfterTraining
              : heldElsewhere.value
                ? text.updateElsewhere
                : text.updateReady}
          </p>
          <button type="button" class="button" disabled={mustStay.value} onClick={() => void applyUpdate()}>
            {text.updateNow}
          </button>
        </div>
      )}
    </div>
  );
}
