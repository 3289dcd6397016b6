import { useEffect } from 'preact/hooks';
import { pictureIn } from '../digit/photo.ts';
import { engine } from '../engine.ts';
import { Alert, FileButton } from '../ui/controls.tsx';
import { useDrop } from '../ui/drop.ts';
import { Icon } from '../ui/icons.tsx';
import { cameraProblem, cameraState, startCamera } from './camera.ts';
import { LiveView } from './live-view.tsx';
import { ChequeResult } from './result.tsx';
import { sampleCheque } from './sample.ts';
import { loadReader, loadSamples } from './samples.ts';
import { takeShared } from './shared.ts';
import { openPicture, picture, problem, reading } from './state.ts';
import { text } from './text.ts';
import '../styles/cheque.css';

export default function ChequePage() {
  useEffect(() => {
    void loadSamples();
    // What fails here fails again, and is told, when a cheque is read.
    void loadReader().then(() => engine.prepareCheques().catch(() => undefined));
    const paste = (event: ClipboardEvent) => {
      const file = pictureIn(event.clipboardData);
      if (file) void openPicture(file);
    };
    window.addEventListener('paste', paste);
    void takeShared(openPicture);
    return () => window.removeEventListener('paste', paste);
  }, []);
  const dropping = useDrop((transfer) => {
    const file = pictureIn(transfer);
    if (file) void openPicture(file);
  });
  const words = text.value;
  return (
    <div class="cheque" data-dropping={dropping.value}>
      <header class="page-head">
        <h1>{words.heading}</h1>
        <p class="quiet">{words.lead}</p>
      </header>
      <Problems />
      {cameraState.value !== 'off' ? <LiveView /> : picture.value ? <ChequeResult /> : <Start />}
    </div>
  );
}

function Problems() {
  const words = text.value;
  if (cameraProblem.value) return <Alert text={`${words.problems[cameraProblem.value]} ${words.instead}`} />;
  const found = problem.value;
  if (!found) return null;
  return found.kind === 'unreadable' ? (
    <Alert text={words.unreadable} />
  ) : (
    <Alert text={words.failed} detail={found.detail} />
  );
}

/** The ways in: camera, file, sample; paste and drop are told. */
function Start() {
  const words = text.value;
  return (
    <section class="cheque-start card" aria-busy={reading.value}>
      <Outline />
      <div class="cheque-ways">
        <button type="button" class="button primary" onClick={() => void startCamera()}>
          <Icon name="camera" />
          {words.camera}
        </button>
        <FileButton name="cheque" accept="image/*" onFiles={([file]) => void openPicture(file!)}>
          <Icon name="picture" />
          {words.choose}
        </FileButton>
        <button type="button" class="button" onClick={() => void sampleCheque().then(openPicture)}>
          <Icon name="cheque" />
          {words.sample}
        </button>
      </div>
      <p class="quiet" role="status">
        {reading.value ? words.reading : words.hint}
      </p>
    </section>
  );
}

/** A cheque in outline, the amount's place marked. */
function Outline() {
  return (
    <svg class="cheque-outline" viewBox="0 0 200 92" aria-hidden="true" focusable="false">
      <rect x="1" y="1" width="198" height="90" rx="6" />
      <path d="M14 16h44M14 34h110M14 50h90M120 78h62M14 78h50" />
      <rect class="amount" x="138" y="38" width="50" height="18" rx="2" />
    </svg>
  );
}
