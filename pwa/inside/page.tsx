import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import type { Look } from '../../workers/api.ts';
import { Pad } from '../digit/pad.tsx';
import { openPicture, pictureProblem } from '../digit/photo.ts';
import { clear } from '../digit/recognise.ts';
import { models } from '../engine.ts';
import { networkTitle, percent } from '../i18n/index.ts';
import { query } from '../query.ts';
import '../styles/inside.css';
import { useCamera } from '../ui/camera.ts';
import { Alert, FileButton, Segments, Select } from '../ui/controls.tsx';
import { Icon } from '../ui/icons.tsx';
import * as inside from './state.ts';
import { text } from './text.ts';
import { FilterView, Histograms, Maps, Pixels } from './views.tsx';

/** Pause between two pictures of the camera. */
const FRAME_MS = 120;

export default function InsidePage() {
  const words = text.value;
  useEffect(() => {
    const asked = query.peek().get('model');
    if (asked) inside.choose(asked);
    return inside.follow();
  }, []);
  return (
    <div class="inside-page">
      <header class="page-head">
        <h1>{words.heading}</h1>
        <p class="quiet">{words.lead}</p>
      </header>
      <div class="inside-input">
        <Select
          label={words.model}
          value={inside.model.value?.id ?? ''}
          options={models.value.map((m) => [m.id, networkTitle(m.id, m.title)] as const)}
          onChange={inside.choose}
        />
        {inside.takesInk.value ? <Ink /> : <Photo />}
        {inside.error.value && <Alert text={words.failed} detail={inside.error.value} />}
        {inside.look.value && <Answer look={inside.look.value} />}
      </div>
      <div class="inside-output">
        <Segments
          name="view"
          value={inside.view.value}
          options={(['maps', 'filters', 'pixels', 'histograms'] as const).map(
            (v) => [v, words.views[v]] as const,
          )}
          onChange={(v) => {
            inside.view.value = v;
          }}
        />
        <View />
      </div>
    </div>
  );
}

function View() {
  const look = inside.look.value;
  const view = inside.view.value;
  if (view === 'filters') return <FilterView filters={inside.filters.value} />;
  if (!look) return <p class="quiet placeholder">{text.value.empty}</p>;
  if (view === 'maps') return <Maps look={look} />;
  return view === 'pixels' ? <Pixels look={look} /> : <Histograms look={look} />;
}

function Ink() {
  const words = text.value;
  return (
    <>
      <Pad />
      <div class="buttons">
        <button type="button" class="button" onClick={clear}>
          <Icon name="clear" />
          {words.clear}
        </button>
        <FileButton name="ink" accept="image/*" onFiles={([f]) => void openPicture(f!)}>
          <Icon name="picture" />
          {words.choose}
        </FileButton>
      </div>
      {pictureProblem.value && <Alert text={words.pictureFailed} />}
    </>
  );
}

function Photo() {
  const words = text.value;
  const failed = useSignal(false);
  const video = useRef<HTMLVideoElement>(null);
  const camera = useCamera(video);
  useEffect(() => {
    const timer = setInterval(() => {
      const v = video.current;
      if (v && v.videoWidth > 0) inside.snap(v, v.videoWidth, v.videoHeight);
    }, FRAME_MS);
    return () => clearInterval(timer);
  }, []);
  const open = async (file: File) => {
    failed.value = false;
    try {
      const bitmap = await createImageBitmap(file, { imageOrientation: 'from-image' });
      inside.snap(bitmap, bitmap.width, bitmap.height);
      bitmap.close();
    } catch {
      failed.value = true;
    }
  };
  return (
    <>
      {camera.on.value ? (
        <div class="viewfinder">
          <video ref={video} autoplay muted playsInline aria-label={words.input} />
        </div>
      ) : (
        <PhotoShown />
      )}
      <div class="buttons">
        <button type="button" class="button" onClick={camera.toggle}>
          <Icon name="camera" />
          {camera.on.value ? words.stopCamera : words.camera}
        </button>
        <FileButton name="photo-inside" accept="image/*" onFiles={([f]) => void open(f!)}>
          <Icon name="picture" />
          {words.choose}
        </FileButton>
      </div>
      {camera.failed.value && <Alert text={words.cameraFailed} />}
      {failed.value && <Alert text={words.pictureFailed} />}
    </>
  );
}

function PhotoShown() {
  const canvas = useRef<HTMLCanvasElement>(null);
  const shown = inside.photo.value;
  useEffect(() => {
    if (shown?.kind !== 'colour') return;
    canvas.current!.width = shown.width;
    canvas.current!.height = shown.height;
    canvas
      .current!.getContext('2d')!
      .putImageData(new ImageData(shown.data, shown.width, shown.height), 0, 0);
  }, [shown]);
  if (!shown) return <p class="quiet placeholder">{text.value.draw}</p>;
  return <canvas class="photo-shown" ref={canvas} role="img" aria-label={text.value.input} />;
}

/** The best classes, and which one to look back from. */
function Answer({ look }: { look: Look }) {
  const words = text.value;
  const classes = inside.model.value?.classes ?? [];
  const best = [...look.prediction.probabilities]
    .map((p, i) => [classes[i] ?? String(i), p] as const)
    .sort((a, b) => b[1] - a[1])
    .slice(0, 3);
  return (
    <section class="card answers" aria-labelledby="answer-inside">
      <h2 id="answer-inside">{words.answer}</h2>
      <ol>
        {best.map(([label, p]) => (
          <li key={label}>
            <span>{label}</span>
            <meter min={0} max={1} value={p} aria-label={words.sure(label, percent(p))} />
            <span class="quiet">{percent(p)}</span>
          </li>
        ))}
      </ol>
      <Select
        label={words.class}
        value={String(inside.wanted.value ?? '')}
        options={[['', words.theAnswer], ...classes.slice(0, 100).map((c, i) => [String(i), c] as const)]}
        onChange={(v) => {
          inside.wanted.value = v === '' ? null : Number(v);
        }}
      />
    </section>
  );
}
